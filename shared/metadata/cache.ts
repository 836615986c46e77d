export interface CacheOptions<K, V> {
  /** Reads the value; undefined means that there is none, which is never cached. */
  readonly load: (key: K) => Promise<V | undefined>;
  /** For so long a value is served as it is. */
  readonly ttlMs: number;
  /** For so long after that it is still served, while one load in the background replaces it. Default: the TTL again. */
  readonly staleMs?: number;
  /** Beyond that, the value unused for longest goes. */
  readonly maxEntries: number;
  readonly nowMs: () => number;
  /** Told of loads in the background that failed; the stale value goes on being served until its time is over. */
  readonly onRefreshError?: (error: unknown) => void;
}

export interface CacheStats {
  readonly entries: number;
  readonly hits: number;
  /** Hits of values that were being replaced. */
  readonly staleHits: number;
  readonly misses: number;
  readonly loads: number;
  readonly failures: number;
  readonly evictions: number;
}

export interface Cache<K, V> {
  /** The value, or undefined if there is none; rejects if the load that it waits for does. */
  get(key: K): Promise<V | undefined>;
  /** As `get`, without a promise; undefined, and not counted, where that would have to wait for a load. */
  peek(key: K): V | undefined;
  /** Whether `get` would answer without waiting for a load. */
  has(key: K): boolean;
  /** Puts a value that is known to be newer than what a load could bring; one that is under way is not kept. */
  set(key: K, value: V): void;
  /** Puts a value that was read along with another one; what is there, or is being loaded, stays. */
  offer(key: K, value: V, readAtMs: number): void;
  /** Forgets the key, or everything; a load that is under way is not kept either. */
  invalidate(key?: K): void;
  stats(): CacheStats;
}

interface Entry<V> {
  readonly value: V;
  readonly loadedAtMs: number;
}

/** A load that is under way; its identity tells whether it is still wanted when it ends. */
interface Flight<V> {
  promise?: Promise<V | undefined>;
}

/** A bounded cache with one load in flight per key. Keys are compared as in a `Map`. */
export const createCache = <K, V>(options: CacheOptions<K, V>): Cache<K, V> => {
  const staleMs = options.staleMs ?? options.ttlMs;
  // A Map keeps the order of insertion: an entry that is used is put at the end, so the first is the least recently used.
  const entries = new Map<K, Entry<V>>();
  const flights = new Map<K, Flight<V>>();
  const counts = { hits: 0, staleHits: 0, misses: 0, loads: 0, failures: 0, evictions: 0 };

  const keep = (key: K, value: V, loadedAtMs: number): void => {
    entries.delete(key);
    entries.set(key, { value, loadedAtMs });
    if (entries.size <= options.maxEntries) return;
    const [oldest] = entries.keys();
    entries.delete(oldest as K);
    counts.evictions += 1;
  };

  const run = async (key: K, flight: Flight<V>): Promise<V | undefined> => {
    counts.loads += 1;
    const startedAtMs = options.nowMs();
    try {
      const value = await options.load(key);
      // Not if the key was invalidated meanwhile: what was read may be from before the change.
      if (flights.get(key) === flight) {
        if (value === undefined) entries.delete(key);
        else keep(key, value, startedAtMs);
      }
      return value;
    } catch (error) {
      counts.failures += 1;
      throw error;
    } finally {
      if (flights.get(key) === flight) flights.delete(key);
    }
  };

  const load = (key: K): Promise<V | undefined> => {
    const current = flights.get(key)?.promise;
    if (current !== undefined) return current;
    const flight: Flight<V> = {};
    flights.set(key, flight);
    flight.promise = run(key, flight);
    return flight.promise;
  };

  const ageOf = (entry: Entry<V> | undefined): number =>
    entry === undefined ? Number.POSITIVE_INFINITY : options.nowMs() - entry.loadedAtMs;

  const peek = (key: K): V | undefined => {
    const entry = entries.get(key);
    const ageMs = ageOf(entry);
    if (entry === undefined || ageMs >= options.ttlMs + staleMs) return undefined;
    counts.hits += 1;
    entries.delete(key);
    entries.set(key, entry);
    if (ageMs >= options.ttlMs) {
      counts.staleHits += 1;
      load(key).catch((error: unknown) => options.onRefreshError?.(error));
    }
    return entry.value;
  };

  return {
    get: async (key) => {
      const value = peek(key);
      if (value !== undefined) return value;
      counts.misses += 1;
      return load(key);
    },
    peek,
    has: (key) => ageOf(entries.get(key)) < options.ttlMs + staleMs,
    set: (key, value) => {
      flights.delete(key);
      keep(key, value, options.nowMs());
    },
    offer: (key, value, readAtMs) => {
      if (!entries.has(key) && !flights.has(key)) keep(key, value, readAtMs);
    },
    invalidate: (key) => {
      if (key === undefined) {
        entries.clear();
        flights.clear();
      } else {
        entries.delete(key);
        flights.delete(key);
      }
    },
    stats: () => ({ entries: entries.size, ...counts }),
  };
};
