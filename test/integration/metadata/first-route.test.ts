import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetadata } from '../../../shared/metadata/cached-metadata.ts';
import { readForwardRoutes, readRoute, readRouteWithState, readState } from '../../../shared/metadata/read-metadata.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { createState, type StateFixture } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
let fixture: StateFixture;

beforeAll(async () => {
  database = await startTestDatabase();
  fixture = await createState(database.pool, {
    columns: [{ name: 'b' }, { name: 'a' }],
    properties: { big: 1, routing: { mode: 'after_save', dispatch: 'individual' } },
    processorsBehind: 3,
  });
  await database.pool.query(
    `update state set properties = '{"a": 1.0, "c": 12345678901234567890, "text": "é\\u2028"}' where id = $1`,
    [fixture.stateId],
  );
});

afterAll(() => database.stop());

/** The same pool, and how many statements it was asked for. */
const counted = (
  during: () => void = () => undefined,
): { readonly pool: DatabasePool; readonly count: () => number } => {
  let count = 0;
  const pool: DatabasePool = {
    ...database.pool,
    query: async (text, values, options) => {
      count += 1;
      const rows = await database.pool.query(text, values, options);
      during();
      return rows as never;
    },
  };
  return { pool, count: () => count };
};

const metadataOn = (pool: DatabasePool) =>
  createMetadata({
    pool,
    ttlMs: 10_000,
    maxEntries: 10,
    nowMs: () => performance.now(),
    onRefreshError: () => undefined,
  });

describe('a route with its state', () => {
  it('is what the three reads say one after the other', async () => {
    const { pool } = database;
    const { outputRouteId, stateId } = fixture;
    const together = await readRouteWithState(pool, outputRouteId);
    expect(together).toEqual({
      route: await readRoute(pool, outputRouteId),
      state: await readState(pool, stateId),
      forwardRoutes: await readForwardRoutes(pool, stateId),
    });
    expect(together?.forwardRoutes).toHaveLength(3);
  });

  it('is the route alone where it leads out of a state, and nothing for an id that there is not', async () => {
    const [first] = await readForwardRoutes(database.pool, fixture.stateId);
    expect(await readRouteWithState(database.pool, first!.id)).toEqual({
      route: first,
      state: undefined,
      forwardRoutes: [],
    });
    expect(await readRouteWithState(database.pool, 'nobody:knows')).toBeUndefined();
    await expect(readRouteWithState(database.pool, '')).rejects.toMatchObject({ code: 'missing_route_id' });
  });
});

describe('the first route of a process', () => {
  it('brings its state and what stands behind it in the same round trip', async () => {
    const { pool, count } = counted();
    const metadata = metadataOn(pool);
    const route = await metadata.route(fixture.outputRouteId);
    const state = await metadata.state(route.stateId);
    const behind = await metadata.forwardRoutes(route.stateId);
    expect([state.columns.map(({ name }) => name), behind.length, count()]).toEqual([['b', 'a'], 3, 1]);
    // The next one is read as ever.
    metadata.invalidate({});
    await metadata.route(fixture.outputRouteId);
    await metadata.state(route.stateId);
    expect(count()).toBe(3);
  });

  it('G-16: does not bring what was forgotten while it was read', async () => {
    const { pool, count } = counted(() => metadata.forgetState(fixture.stateId));
    const metadata = metadataOn(pool);
    const { stateId } = await metadata.route(fixture.outputRouteId);
    expect([count(), metadata.isCached('state', stateId), metadata.isCached('forwardRoutes', stateId)]).toEqual([
      1,
      false,
      false,
    ]);
    await metadata.state(stateId);
    expect(count()).toBe(2);
  });
});
