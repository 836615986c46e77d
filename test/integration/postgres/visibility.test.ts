import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMetadata, type Metadata } from '../../../shared/metadata/cached-metadata.ts';
import { append } from '../../../shared/postgres/append.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { deliveryOf, insertState, newColumn, readStored } from '../../support/append-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
let pool: DatabasePool;
let metadata: Metadata;
let nowMs = 0;

beforeAll(async () => {
  database = await startTestDatabase();
  await database.pool.query(`create role app login password 'app'`);
  await database.pool.query('grant select, insert, update, delete on all tables in schema public to app');
  await database.pool.query('grant usage on all sequences in schema public to app');
  await database.pool.query('grant usage on schema state_sync to app');
  await database.pool.query('grant select, insert, update, delete on all tables in schema state_sync to app');
  pool = createPool(database.url.replace(/\/\/[^@]+@/, '//app:app@'), { max: 2 });
});
afterAll(async () => {
  await pool.end();
  await database.stop();
});
beforeEach(() => {
  metadata = createMetadata({
    pool,
    ttlMs: 10_000,
    maxEntries: 100,
    nowMs: () => nowMs,
    onRefreshError: () => undefined,
  });
});

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => value ?? 'undefined',
    (error: unknown) => (error as { readonly code?: unknown }).code,
  );
const store = (id: string, stateId = 'seen') =>
  append(pool, { stateId, columns: [newColumn('a')], deliveries: [deliveryOf(id, [['x']])], dedupe: false });

describe('an id that is not found', () => {
  it('is no fault of its message as long as the database has nothing of its kind at all', async () => {
    for (const lookUp of [
      () => metadata.state('x'),
      () => metadata.route('x'),
      () => metadata.findProcessor('x'),
      () => metadata.findProvider('x'),
    ]) {
      expect(await codeOf(lookUp())).toBe('database_misconfigured');
    }
    const { port } = database.server;
    await expect(metadata.state('x')).rejects.toThrow(
      `table state at 127.0.0.1:${port}/test shows no row at all to "app": it is empty, or this is the wrong database`,
    );
  });

  it('is unknown as soon as there is another one', async () => {
    await insertState(database.pool, 'seen');
    expect(await codeOf(metadata.state('x'))).toBe('unknown_state');
    // A state without any route behind it is nothing unusual.
    expect(await codeOf(metadata.forwardRoutes('seen'))).toEqual([]);
  });

  it('is no fault of its message if row-level security hides the others, also when it was switched on meanwhile', async () => {
    expect(await codeOf(metadata.state('x'))).toBe('unknown_state');
    await database.pool.query('alter table state enable row level security');
    await database.pool.query('alter table processor_state enable row level security');
    try {
      nowMs += 10_001;
      expect(await codeOf(metadata.state('x'))).toBe('database_misconfigured');
      await expect(metadata.state('x')).rejects.toThrow('row-level security is active for it');
      // Rows would be stored and passed on to nobody.
      expect(await codeOf(metadata.forwardRoutes('seen'))).toBe('database_misconfigured');
    } finally {
      await database.pool.query('alter table state disable row level security');
      await database.pool.query('alter table processor_state disable row level security');
    }
    expect((await metadata.state('seen')).id).toBe('seen');
  });

  it('asks the database only once for a while whether it has anything', async () => {
    await metadata.state('seen');
    let queries = 0;
    const counting: DatabasePool = {
      ...pool,
      query: (...given) => {
        queries += 1;
        return pool.query(...given);
      },
    };
    const counted = createMetadata({
      pool: counting,
      ttlMs: 10_000,
      maxEntries: 100,
      nowMs: () => nowMs,
      onRefreshError: () => undefined,
    });
    for (let n = 0; n < 5; n += 1) expect(await codeOf(counted.state(`gone/${n}`))).toBe('unknown_state');
    expect(queries).toBe(6);
  });
});

describe('a state that can be read but not changed', () => {
  it('is no fault of the message, and stores it once the policy is right', async () => {
    await database.pool.query('alter table state enable row level security');
    await database.pool.query('create policy readers on state for select to app using (true)');
    try {
      expect(await codeOf(store('policy/1'))).toBe('database_misconfigured');
      await expect(store('policy/1')).rejects.toThrow('a policy of row-level security forbids it');
      expect(await codeOf(append(pool, { stateId: 'seen', columns: [], deliveries: [], dedupe: true }))).not.toBe(
        'unknown_state',
      );
      await database.pool.query('create policy writers on state for update to app using (true)');
      expect((await store('policy/1')).deliveries[0]?.status).toBe('stored');
    } finally {
      await database.pool.query('alter table state disable row level security');
    }
  });
});

describe('a database without the unique index of the cells', () => {
  it('stores nothing until it has one, under any name', async () => {
    await insertState(database.pool, 'old');
    await database.pool.query('drop index state_column_data_comp_ux');
    const fresh = createPool(database.url, { max: 1 });
    const storeOld = () =>
      append(fresh, {
        stateId: 'old',
        columns: [newColumn('a')],
        deliveries: [deliveryOf('old/1', [['x']])],
        dedupe: false,
      });
    await expect(storeOld()).rejects.toThrow(/no unique index on \(column_id, data_index\): state-sync migrate/);
    expect((await readStored(database.pool, 'old')).count).toBe(0);
    await database.pool.query('create unique index other_name on state_column_data (data_index, column_id)');
    expect((await storeOld()).deliveries[0]?.status).toBe('stored');
    await fresh.end();
  });
});
