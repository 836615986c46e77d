import { describe, expect, it } from 'vitest';
import { createCache, type CacheOptions } from '../../../shared/metadata/cache.ts';

/** A load that the test answers by hand, and a clock that it moves by hand. */
const setUp = (options: Partial<CacheOptions<string, string>> = {}) => {
  let now = 0;
  const loads: { key: string; resolve: (value: string | undefined) => void; reject: (error: Error) => void }[] = [];
  const refreshErrors: unknown[] = [];
  const cache = createCache<string, string>({
    load: (key) => new Promise((resolve, reject) => void loads.push({ key, resolve, reject })),
    ttlMs: 10,
    staleMs: 20,
    maxEntries: 3,
    nowMs: () => now,
    onRefreshError: (error) => refreshErrors.push(error),
    ...options,
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const put = async (key: string, value: string): Promise<void> => {
    const got = cache.get(key);
    loads.at(-1)?.resolve(value);
    await got;
  };
  return { cache, loads, refreshErrors, settle, put, at: (ms: number) => (now = ms) };
};

describe('the cache', () => {
  it('loads a key once for all who ask for it at the same time', async () => {
    const { cache, loads } = setUp();
    const all = [cache.get('a'), cache.get('a'), cache.get('a')];
    expect(loads).toHaveLength(1);
    loads[0]?.resolve('A');
    expect(await Promise.all(all)).toEqual(['A', 'A', 'A']);
    expect(await cache.get('a')).toBe('A');
    expect(loads).toHaveLength(1);
  });

  it('says whether it would answer at once, a stale value included', async () => {
    const { cache, put, at } = setUp();
    expect(cache.has('a')).toBe(false);
    await put('a', 'A');
    expect([cache.has('a'), cache.has('b')]).toEqual([true, false]);
    at(29);
    expect(cache.has('a')).toBe(true);
    at(30);
    expect(cache.has('a')).toBe(false);
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 1 });
  });

  it('gives what it has without a promise, replaces it like any other use of it, and loads nothing that it has not', async () => {
    const { cache, loads, put, at, settle } = setUp();
    expect(cache.peek('a')).toBeUndefined();
    expect(loads).toHaveLength(0);
    await put('a', 'old');
    expect([cache.peek('a'), cache.peek('b')]).toEqual(['old', undefined]);
    at(10);
    expect(cache.peek('a')).toBe('old');
    loads[1]?.resolve('new');
    await settle();
    expect(cache.peek('a')).toBe('new');
    at(40);
    expect(cache.peek('a')).toBeUndefined();
    expect(cache.stats()).toMatchObject({ hits: 3, staleHits: 1, misses: 1, loads: 2 });
  });

  it('serves a stale value while one load replaces it, and waits again once it is too old', async () => {
    const { cache, loads, put, at, settle } = setUp();
    await put('a', 'old');
    at(9);
    expect(await cache.get('a')).toBe('old');
    expect(loads).toHaveLength(1);
    at(10);
    expect(await cache.get('a')).toBe('old');
    expect(await cache.get('a')).toBe('old');
    expect(loads).toHaveLength(2);
    loads[1]?.resolve('new');
    await settle();
    expect(await cache.get('a')).toBe('new');
    at(40);
    const waiting = cache.get('a');
    loads[2]?.resolve('newest');
    expect(await waiting).toBe('newest');
  });

  it('goes on serving the stale value if its replacement fails, and tells of it', async () => {
    const { cache, loads, refreshErrors, put, at, settle } = setUp();
    await put('a', 'old');
    at(15);
    await cache.get('a');
    loads[1]?.reject(new Error('down'));
    await settle();
    expect(await cache.get('a')).toBe('old');
    expect(refreshErrors).toHaveLength(1);
    expect(cache.stats().failures).toBe(1);
  });

  it('keeps neither an absence nor a failure', async () => {
    const { cache, loads } = setUp();
    const absent = cache.get('a');
    loads[0]?.resolve(undefined);
    expect(await absent).toBeUndefined();
    const failed = cache.get('a');
    loads[1]?.reject(new Error('down'));
    await expect(failed).rejects.toThrow('down');
    const found = cache.get('a');
    loads[2]?.resolve('A');
    expect(await found).toBe('A');
  });

  it('forgets a value whose key has gone, at the next replacement', async () => {
    const { cache, loads, put, at, settle } = setUp();
    await put('a', 'A');
    at(12);
    await cache.get('a');
    loads[1]?.resolve(undefined);
    await settle();
    expect(cache.stats().entries).toBe(0);
  });

  it('G-16: does not keep what a load read before the key was invalidated', async () => {
    const { cache, loads } = setUp();
    const before = cache.get('a');
    cache.invalidate('a');
    const after = cache.get('a');
    expect(loads).toHaveLength(2);
    loads[1]?.resolve('new');
    expect(await after).toBe('new');
    loads[0]?.resolve('old');
    expect(await before).toBe('old');
    expect(await cache.get('a')).toBe('new');
  });

  it('keeps a value that was set over what a load under way brings', async () => {
    const { cache, loads } = setUp();
    const before = cache.get('a');
    cache.set('a', 'set');
    loads[0]?.resolve('loaded');
    expect(await before).toBe('loaded');
    expect(await cache.get('a')).toBe('set');
  });

  it('takes a value that was read along with another, and keeps what is there or on its way', async () => {
    const { cache, loads } = setUp();
    cache.offer('a', 'along', 0);
    expect(await cache.get('a')).toBe('along');
    cache.offer('a', 'later', 0);
    expect(await cache.get('a')).toBe('along');
    const loading = cache.get('b');
    cache.offer('b', 'along', 0);
    loads[0]?.resolve('loaded');
    expect([await loading, await cache.get('b'), loads.length]).toEqual(['loaded', 'loaded', 1]);
  });

  it('forgets everything when asked to, loads under way included', async () => {
    const { cache, loads, put } = setUp();
    await put('a', 'A');
    const pending = cache.get('b');
    cache.invalidate();
    loads[1]?.resolve('B');
    await pending;
    expect(cache.stats().entries).toBe(0);
  });

  it('never holds more than its bound; the key unused for longest goes first', async () => {
    const { cache, loads, put } = setUp();
    for (const key of ['a', 'b', 'c']) await put(key, key);
    await cache.get('a');
    await put('d', 'd');
    expect(cache.stats()).toMatchObject({ entries: 3, evictions: 1 });
    await cache.get('a');
    expect(loads).toHaveLength(4);
    void cache.get('b');
    expect(loads).toHaveLength(5);
  });

  it('counts hits, misses and loads', async () => {
    const { cache, put, at } = setUp();
    await put('a', 'A');
    await cache.get('a');
    at(11);
    await cache.get('a');
    expect(cache.stats()).toEqual({
      entries: 1,
      hits: 2,
      staleHits: 1,
      misses: 1,
      loads: 2,
      failures: 0,
      evictions: 0,
    });
  });
});
