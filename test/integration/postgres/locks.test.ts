import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/errors/sync-error.ts';
import { append } from '../../../shared/postgres/append.ts';
import type { AppendResult } from '../../../shared/postgres/append-request.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { toDatabaseError } from '../../../shared/postgres/database-error.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { deliveryOf, insertState, newColumn, readStored } from '../../support/append-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
  await database.pool.query(`create role worker login password 'worker' in role pg_read_all_data, pg_write_all_data`);
});
afterAll(() => database.stop());

/** Holds the lock of a state's row while `during` runs. */
const whileLocked = (stateId: string, during: () => Promise<void>): Promise<void> =>
  database.pool.transaction(async (connection) => {
    await connection.query('select from state where id = $1 for update', [stateId]);
    await during();
  });

const store = (pool: DatabasePool, stateId: string, id: string): Promise<AppendResult> =>
  append(pool, { stateId, columns: [newColumn('a')], deliveries: [deliveryOf(id, [['x']])], dedupe: false });

/** Settings of a role, as an administrator gives them: what an append then says while the row is locked. */
const settings: readonly (readonly [setting: string, limitMs: number])[] = [
  [`lock_timeout = '150ms'`, 35_000],
  [`statement_timeout = '150ms'`, 35_000],
  [`transaction_timeout = '150ms'`, 35_000],
  [`idle_in_transaction_session_timeout = '150ms'`, 400],
  [`idle_session_timeout = '150ms'`, 400],
  [`default_transaction_isolation = 'serializable'`, 400],
];

describe('waiting for a row that somebody else holds', () => {
  it.each(settings)(
    'with %s of the role ends as a time-out, which is no message’s fault, and stores once the row is free',
    async (setting, queryTimeoutMs) => {
      const stateId = setting.split(' ')[0]!;
      await insertState(database.pool, stateId);
      await database.pool.query('alter role worker reset all');
      await database.pool.query(`alter role worker set ${setting}`);
      const pool = createPool(database.url.replace(/\/\/[^@]+@/, '//worker:worker@'), { max: 2, queryTimeoutMs });
      try {
        await whileLocked(stateId, async () => {
          for (let attempt = 0; attempt < 3; attempt += 1) {
            const error = await store(pool, stateId, `${stateId}/1`).catch((reason: unknown) => reason);
            expect(error).toBeInstanceOf(RetryableError);
            expect(error).toMatchObject({ code: 'database_timeout' });
          }
        });
        const result = await store(pool, stateId, `${stateId}/1`);
        expect(['stored', 'duplicate']).toContain(result.deliveries[0]?.status);
        expect((await readStored(database.pool, stateId)).count).toBe(1);
      } finally {
        await pool.end();
      }
    },
  );

  it('does not keep another state waiting for longer than its own connection', async () => {
    await insertState(database.pool, 'locked');
    await insertState(database.pool, 'free');
    const pool = database.openPool({ max: 2, queryTimeoutMs: 1_000 });
    await whileLocked('locked', async () => {
      const waiting = store(pool, 'locked', 'locked/1').catch((error: unknown) => error);
      expect((await store(pool, 'free', 'free/1')).deliveries[0]?.status).toBe('stored');
      expect(await waiting).toMatchObject({ code: 'database_timeout' });
    });
  });

  it('in a circle with others ends, and everything is stored', async () => {
    await insertState(database.pool, 'circle/a');
    await insertState(database.pool, 'circle/b');
    // Two writers that lock in opposite orders: the server gives up one of them, 40P01.
    let holders = 0;
    const lockBoth = (first: string, second: string): Promise<unknown> =>
      database.pool
        .transaction(async (connection) => {
          await connection.query('select from state where id = $1 for update', [first]);
          holders += 1;
          await until('both hold a lock', () => holders === 2);
          await connection.query('select from state where id = $1 for update', [second]);
        })
        .then(
          () => 'done',
          (error: unknown) => toDatabaseError(error, 'lock').code,
        );
    const ends = await Promise.all([lockBoth('circle/a', 'circle/b'), lockBoth('circle/b', 'circle/a')]);
    expect(ends.toSorted()).toEqual(['database_conflict', 'done']);
  });
});
