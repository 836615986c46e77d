import { RetryableError } from '../errors/sync-error.ts';
import { createCache, type Cache, type CacheStats } from './cache.ts';
import type { DatabasePool } from '../postgres/database.ts';
import { createVisibleRows } from '../postgres/visible-rows.ts';
import { readForwardRoutes, readProcessor, readProvider, readRoute, readState } from './read-metadata.ts';
import type { KeyOrder } from '../state/key-order.ts';
import type { Processor, Provider, Route, StateModel } from '../state/state-model.ts';

export interface MetadataOptions {
  readonly pool: DatabasePool;
  readonly ttlMs: number;
  readonly maxEntries: number;
  /** The order of key definitions; default: by their ids. */
  readonly keyOrder?: KeyOrder;
  readonly nowMs: () => number;
  readonly onRefreshError: (error: unknown) => void;
}

/** What is forgotten: one state, one route, or everything. */
export type Invalidation = { readonly stateId?: string; readonly routeId?: string };

/** What is looked up: each kind has a cache of its own. */
export type MetadataKind = 'state' | 'route' | 'forwardRoutes' | 'processor' | 'provider';

/** Routes, states and processors, cached briefly; an id that is not known is a RetryableError, it may arrive yet. */
export interface Metadata {
  state(id: string): Promise<StateModel>;
  route(id: string): Promise<Route>;
  /** The INPUT routes behind a state. */
  forwardRoutes(stateId: string): Promise<readonly Route[]>;
  findRoute(id: string): Promise<Route | undefined>;
  findProcessor(id: string): Promise<Processor | undefined>;
  findProvider(id: string): Promise<Provider | undefined>;
  findState(id: string): Promise<StateModel | undefined>;
  /** Whether a lookup would be answered without reading the database. */
  isCached(kind: MetadataKind, id: string): boolean;
  forgetState(stateId: string): void;
  invalidate(what: Invalidation): void;
  stats(): Readonly<Record<string, CacheStats>>;
}

/** The caches of one process; bounded each, and one load in flight per key. */
export const createMetadata = (options: MetadataOptions): Metadata => {
  const { pool, ttlMs, nowMs } = options;
  const visible = createVisibleRows({ pool, nowMs, goodForMs: ttlMs });
  const cached = <V>(load: (id: string) => Promise<V | undefined>): Cache<string, V> => {
    const { maxEntries, onRefreshError } = options;
    return createCache({ load, ttlMs, maxEntries, nowMs, onRefreshError });
  };
  /** An id counts as unknown only if its table shows anything at all. */
  const looked = <V>(
    table: string,
    read: (pool: DatabasePool, id: string) => Promise<V | undefined>,
  ): Cache<string, V> =>
    cached(async (id) => {
      const found = await read(pool, id);
      if (found === undefined) await visible.requireAny(table);
      else visible.noteFound(table);
      return found;
    });
  const { tables } = pool;
  const caches = {
    state: looked(tables.state, (from, id) => readState(from, id, options.keyOrder)),
    route: looked(tables.route, readRoute),
    forwardRoutes: cached(async (id) => {
      const routes = await readForwardRoutes(pool, id);
      if (routes.length === 0) await visible.requireUnfiltered(tables.route);
      return routes;
    }),
    processor: looked(tables.processor, readProcessor),
    provider: looked(tables.provider, readProvider),
  };
  return {
    state: async (id) => {
      const state = await caches.state.get(id);
      if (state === undefined) throw new RetryableError('unknown_state', `there is no state ${id}`);
      return state;
    },
    route: async (id) => {
      const route = await caches.route.get(id);
      if (route === undefined) throw new RetryableError('unknown_route', `there is no route ${id}`);
      return route;
    },
    forwardRoutes: async (stateId) => (await caches.forwardRoutes.get(stateId)) ?? [],
    findRoute: (id) => caches.route.get(id),
    findProcessor: (id) => caches.processor.get(id),
    findProvider: (id) => caches.provider.get(id),
    findState: (id) => caches.state.get(id),
    isCached: (kind, id) => caches[kind].has(id),
    forgetState: (stateId) => caches.state.invalidate(stateId),
    invalidate: ({ stateId, routeId }) => {
      if (stateId === undefined && routeId === undefined) for (const cache of Object.values(caches)) cache.invalidate();
      if (stateId !== undefined) {
        caches.state.invalidate(stateId);
        caches.forwardRoutes.invalidate(stateId);
      }
      if (routeId !== undefined) {
        caches.route.invalidate(routeId);
        // Which states a route stands behind is what the cache holds: all of them are read again.
        caches.forwardRoutes.invalidate();
        caches.processor.invalidate();
      }
    },
    stats: () => Object.fromEntries(Object.entries(caches).map(([name, cache]) => [name, cache.stats()])),
  };
};
