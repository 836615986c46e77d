import { RetryableError } from '../errors/sync-error.ts';
import { createCache, type Cache, type CacheStats } from './cache.ts';
import type { DatabasePool } from '../postgres/database.ts';
import { createVisibleRows } from '../postgres/visible-rows.ts';
import { gatherLoads } from './gather-loads.ts';
import {
  readForwardRoutes,
  readForwardRoutesOf,
  readProcessor,
  readProvider,
  readRoute,
  readRouteWithState,
  readRoutes,
  readState,
  readStates,
} from './read-metadata.ts';
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

/** Lookups in the caches; undefined where the database has to be asked. */
export interface KnownMetadata {
  state(id: string): StateModel | undefined;
  route(id: string): Route | undefined;
  forwardRoutes(stateId: string): readonly Route[] | undefined;
}

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
  /** What needs no read of the database, without a promise: a batch may be of a thousand states. */
  readonly known: KnownMetadata;
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
  const looked = <V>(table: string, read: (id: string) => Promise<V | undefined>): Cache<string, V> =>
    cached(async (id) => {
      const found = await read(id);
      if (found === undefined) await visible.requireAny(table);
      else visible.noteFound(table);
      return found;
    });
  const { tables } = pool;
  const { keyOrder } = options;
  // Messages of many states come together: what they name is read together.
  const states = gatherLoads(
    (ids) => readStates(pool, ids, keyOrder),
    (id) => readState(pool, id, keyOrder),
  );
  const routesById = gatherLoads(
    (ids) => readRoutes(pool, ids),
    (id) => (isFirstRoute ? readFirstRoute(id) : readRoute(pool, id)),
  );
  let isFirstRoute = true;
  let forgotten = 0;
  /** A process starts because of a message: what it needs of its route, state and forwards is read in one round trip. */
  const readFirstRoute = async (id: string): Promise<Route | undefined> => {
    isFirstRoute = false;
    const readAtMs = nowMs();
    const before = forgotten;
    const found = await readRouteWithState(pool, id, keyOrder);
    // What was forgotten meanwhile may be from before the change.
    if (found?.state === undefined || forgotten !== before) return found?.route;
    visible.noteFound(tables.state);
    caches.state.offer(found.state.id, found.state, readAtMs);
    if (found.forwardRoutes.length > 0) caches.forwardRoutes.offer(found.state.id, found.forwardRoutes, readAtMs);
    return found.route;
  };
  const routesBehind = gatherLoads(
    (ids) => readForwardRoutesOf(pool, ids),
    (id) => readForwardRoutes(pool, id),
  );
  const caches = {
    state: looked(tables.state, states),
    route: looked(tables.route, routesById),
    forwardRoutes: cached(async (id) => {
      const routes = (await routesBehind(id)) ?? [];
      if (routes.length === 0) await visible.requireUnfiltered(tables.route);
      return routes;
    }),
    processor: looked(tables.processor, (id) => readProcessor(pool, id)),
    provider: looked(tables.provider, (id) => readProvider(pool, id)),
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
    known: { state: caches.state.peek, route: caches.route.peek, forwardRoutes: caches.forwardRoutes.peek },
    isCached: (kind, id) => caches[kind].has(id),
    forgetState: (stateId) => {
      forgotten += 1;
      caches.state.invalidate(stateId);
    },
    invalidate: ({ stateId, routeId }) => {
      forgotten += 1;
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
