import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonKeyOrder, keyOrderOf } from '../../../shared/state/key-order.ts';

const key = (text: string) => ({ byId: ['zone', 'area'], byName: ['area', 'zone'], text });

describe('the order of a composite key', () => {
  it.each([
    ['[["zone", 1], ["area", "x"]]', 'id'],
    ['[["area", "x"], ["zone", 1]]', 'name'],
    ['[["area", "x"]]', undefined],
    ['[["area", "x"], ["zone", 1], ["more", 2]]', undefined],
    ['[["area"], ["zone", 1]]', undefined],
    ['{"area": 1}', undefined],
    ['"area, zone"', undefined],
    ['null', undefined],
    ['[]', undefined],
  ] as const)('of %s is %s', (text, order) => {
    expect(keyOrderOf(key(text))).toBe(order);
  });

  it('of an installation is what all keys that tell agree on', () => {
    const [byId, byName, silent] = [key('[["zone",1],["area",2]]'), key('[["area",2],["zone",1]]'), key('[]')];
    expect(commonKeyOrder([byId, silent, byId])).toBe('id');
    expect(commonKeyOrder([byName, silent])).toBe('name');
    expect(commonKeyOrder([byId, byName])).toBe('mixed');
    expect(commonKeyOrder([silent])).toBeUndefined();
    expect(commonKeyOrder([])).toBeUndefined();
  });

  it('is found for any names and values, unless both orders are the same', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(names, fc.jsonValue(), fc.constantFrom('id', 'name'), (byId, value, order) => {
        const byName = byId.toSorted();
        const text = JSON.stringify((order === 'id' ? byId : byName).map((name) => [name, value]));
        const isSame = byId.every((name, index) => byName[index] === name);
        expect(keyOrderOf({ byId, byName, text })).toBe(isSame ? undefined : order);
      }),
    );
  });
});
