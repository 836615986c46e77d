import { describe, expect, it } from 'vitest';
import { gatherLoads } from '../../../shared/metadata/gather-loads.ts';

const recorded = (fails: (keys: readonly string[]) => boolean = () => false) => {
  const reads: (readonly string[])[] = [];
  const loadMany = async (keys: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    reads.push(keys);
    if (fails(keys)) throw new Error(`cannot read ${keys.join()}`);
    return new Map(keys.filter((key) => key !== 'unknown').map((key) => [key, `value of ${key}`]));
  };
  return { reads, load: gatherLoads(loadMany, async (key) => (await loadMany([key])).get(key)) };
};

describe('loads of metadata', () => {
  it('that are asked for in one turn are one read', async () => {
    const { reads, load } = recorded();
    expect(await Promise.all(['a', 'unknown', 'b'].map(load))).toEqual(['value of a', undefined, 'value of b']);
    expect(await load('c')).toBe('value of c');
    expect(reads).toEqual([['a', 'unknown', 'b'], ['c']]);
  });

  it('are read in parts if there are very many', async () => {
    const { reads, load } = recorded();
    await Promise.all(Array.from({ length: 1_200 }, (_, index) => load(String(index))));
    expect(reads.map(({ length }) => length)).toEqual([500, 500, 200]);
  });

  it('fail alone: what is wrong with one key says nothing of the others', async () => {
    const { load } = recorded((keys) => keys.includes('bad'));
    const settled = await Promise.allSettled(['a', 'bad', 'b'].map(load));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});
