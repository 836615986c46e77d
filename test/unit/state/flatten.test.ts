import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entriesOf, isJsonArray, isJsonObject, JsonFloat, type JsonValue } from '../../../shared/json/json-value.ts';
import { parseJson } from '../../../shared/json/parse-json.ts';
import { pythonJson } from '../../../shared/json/write-json.ts';
import type { Row } from '../../../shared/state/state-model.ts';
import { flattenLossless, flattenReference } from '../../support/at-once.ts';
import { thrownCode } from '../../support/thrown-code.ts';

const manyRuns = { numRuns: 10_000 };

/* Every scalar is a text of its own, so that a leaf that is found in a row can only be that leaf. */
const entry: fc.Arbitrary<JsonValue> = fc
  .letrec<{ value: JsonValue; object: JsonValue }>((tie) => ({
    object: fc
      .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), tie('value')), {
        maxLength: 4,
        selector: ([key]) => key,
      })
      .map((members) => new Map(members)),
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constant('leaf'),
      fc.constant('leaf'),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('object'),
    ),
  }))
  .object.map((value) => numbered(value, { next: 0 }));

const numbered = (value: JsonValue, counter: { next: number }): JsonValue => {
  if (isJsonArray(value)) return value.map((item) => numbered(item, counter));
  if (isJsonObject(value))
    return new Map([...entriesOf(value)].map(([key, member]) => [key, numbered(member, counter)]));
  return `leaf ${counter.next++}`;
};

/** The scalars of an object, those of the objects in it included, but not what is in its lists. */
const scalarsOf = (value: JsonValue): readonly JsonValue[] => {
  if (isJsonArray(value)) return [];
  return isJsonObject(value) ? [...entriesOf(value)].flatMap(([, member]) => scalarsOf(member)) : [value];
};

/** Leaves of the input; an empty container is one, as its JSON text. */
const leavesOf = (value: JsonValue, isRoot = false): readonly string[] => {
  if (isJsonArray(value)) return value.length === 0 ? ['[]'] : value.flatMap((item) => leavesOf(item));
  if (!isJsonObject(value)) return [value as string];
  const members = [...entriesOf(value)];
  return members.length === 0 && !isRoot ? ['{}'] : members.flatMap(([, member]) => leavesOf(member));
};

/** Every object of the input with all the leaves below it. */
const objectsOf = (value: JsonValue): readonly JsonValue[] => {
  if (isJsonArray(value)) return value.flatMap(objectsOf);
  return isJsonObject(value) ? [value, ...[...entriesOf(value)].flatMap(([, member]) => objectsOf(member))] : [];
};

const valuesOf = (rows: readonly Row[]): readonly JsonValue[] => rows.flatMap((row) => [...row.values()]);

describe('the lossless rule', () => {
  it('finds every leaf of the entry in the rows, and nothing else', () => {
    fc.assert(
      fc.property(entry, (value) => {
        const { rows } = flattenLossless(value, { fanOut: true });
        expect(new Set(valuesOf(rows))).toEqual(new Set(leavesOf(value, true)));
      }),
      manyRuns,
    );
  });

  it('puts every scalar of an object on every row that holds a leaf from below the object', () => {
    fc.assert(
      fc.property(entry, (value) => {
        const { rows } = flattenLossless(value, { fanOut: true });
        for (const object of objectsOf(value)) {
          const below = new Set(leavesOf(object).filter((leaf) => leaf.startsWith('leaf')));
          for (const row of rows) {
            const held = new Set(row.values());
            if (![...below].some((leaf) => held.has(leaf))) continue;
            for (const scalar of scalarsOf(object)) expect(held).toContain(scalar);
          }
        }
      }),
      manyRuns,
    );
  });

  it('makes as many rows as the lists have items that are not expanded themselves', () => {
    const count = (value: JsonValue): number => {
      if (isJsonArray(value)) return value.reduce<number>((sum, item) => sum + Math.max(1, count(item)), 0);
      return isJsonObject(value) ? [...entriesOf(value)].reduce((sum, [, member]) => sum + count(member), 0) : 0;
    };
    fc.assert(
      fc.property(entry, (value) => {
        expect(flattenLossless(value, { fanOut: true }).rows).toHaveLength(Math.max(1, count(value)));
      }),
      manyRuns,
    );
  });

  it('G-14: keeps all of an entry in one row if rows may not fan out, lists as JSON text', () => {
    fc.assert(
      fc.property(entry, (value) => {
        const { rows, fannedOut } = flattenLossless(value, { fanOut: false });
        expect([rows.length, fannedOut]).toEqual([1, false]);
        const texts = valuesOf(rows).map(String).join(' ');
        for (const leaf of leavesOf(value, true)) expect(texts).toContain(leaf);
      }),
      manyRuns,
    );
  });

  it('is the reference rule for an entry without lists and empty containers', () => {
    fc.assert(
      fc.property(entry, (value) => {
        fc.pre(!/\[|\{\}/.test(pythonJson(value, { ascii: true })));
        expect(flattenLossless(value, { fanOut: true }).rows.map((row) => [...row])).toEqual(
          flattenReference(value).rows.map((row) => [...row]),
        );
      }),
      manyRuns,
    );
  });

  it.each([
    ['{"a":[1,2],"x":9}', '[{"x": 9, "a": 1}, {"x": 9, "a": 2}]'],
    ['{"x":0,"a":[1,2],"b":[3,4]}', '[{"x": 0, "a": 1}, {"x": 0, "a": 2}, {"x": 0, "b": 3}, {"x": 0, "b": 4}]'],
    [
      '{"a":[{"n":1,"b":[10,11]},{"n":2,"b":[]}]}',
      '[{"a.n": 1, "a.b": 10}, {"a.n": 1, "a.b": 11}, {"a.n": 2, "a.b": "[]"}]',
    ],
    ['{"a":[[1,2],[3]],"m":{"n":{}}}', '[{"m.n": "{}", "a": 1}, {"m.n": "{}", "a": 2}, {"m.n": "{}", "a": 3}]'],
    [
      '{"inherited_batch_data":[{"a":1},{"a":2}],"answer":"42"}',
      '[{"answer": "42", "inherited_batch_data.a": 1}, {"answer": "42", "inherited_batch_data.a": 2}]',
    ],
  ])('G-13: flattens %s without loss, spurious rows or a product', (input, rows) => {
    expect(pythonJson(flattenLossless(parseJson(input), { fanOut: true }).rows, { ascii: true })).toBe(rows);
  });

  it('keeps a list at its place, and its numbers as they were written, if rows may not fan out', () => {
    const { rows } = flattenLossless(parseJson('{"a":{"b":[1.0,"é"]},"c":1}'), { fanOut: false });
    expect([...rows[0]!]).toEqual([
      ['a.b', '[1.0, "\\u00e9"]'],
      ['c', 1],
    ]);
  });
});

describe('both rules', () => {
  it.each([
    ['reference', (value: JsonValue) => flattenReference(value)],
    ['lossless', (value: JsonValue) => flattenLossless(value, { fanOut: true })],
  ])('%s: stop a fan-out beyond the limits before it costs memory', (_, flatten) => {
    const list = (length: number): JsonValue => Array.from({ length }, (_, index) => index);
    expect(thrownCode(() => flatten(new Map([['a', list(10_000)]])))).toBeUndefined();
    expect(thrownCode(() => flatten(new Map([['a', list(10_001)]])))).toBe('too_many_rows');
    const wide = new Map<string, JsonValue>(Array.from({ length: 20_000 }, (_, index) => [`c${index}`, index]));
    // Its own work, not the time that a busy machine takes for it.
    const before = process.threadCpuUsage();
    expect(thrownCode(() => flatten(wide.set('z', list(10_000))))).toBe('too_many_rows');
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(2_000);
  });

  it('keep floats as floats', () => {
    const { rows } = flattenLossless(parseJson('{"a":{"b":1.0}}'), { fanOut: true });
    expect(rows[0]!.get('a.b')).toBeInstanceOf(JsonFloat);
  });
});
