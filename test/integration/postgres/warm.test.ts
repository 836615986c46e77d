import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../infra/local/free-port.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
});

afterAll(() => database.stop());

describe('a pool that is warmed', () => {
  it('has a session before its first statement, which then uses it', async () => {
    const pool = createPool(database.url, { applicationName: 'warmed' });
    const sessions = async (): Promise<number> => {
      const [row] = await database.pool.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity where application_name = 'warmed'`,
      );
      return row!.count;
    };
    try {
      pool.warm();
      // It comes before the session is there, and waits for that one instead of asking for another.
      await pool.query('select 1');
      expect(await sessions()).toBe(1);
    } finally {
      await pool.end();
    }
  });

  it('has done what it is to be prepared with before its first statement, on the same session', async () => {
    const pool = createPool(database.url, { max: 2 });
    let preparedBy: unknown;
    try {
      pool.warm(async (session) => {
        const [first, , third] = await session.queryTogether([
          'select pg_backend_pid() as pid, pg_sleep(0.05)',
          'select',
          'select 3 as three',
        ]);
        preparedBy = (first as readonly { readonly pid: number }[])[0]?.pid;
        expect(third).toEqual([{ three: 3 }]);
        await session.query('select $1::int as kept', [1], { keepPlan: true });
      });
      const [row] = await pool.query<{ pid: number; names: number }>(
        'select pg_backend_pid() as pid, (select count(*)::int from pg_prepared_statements) as names',
      );
      expect(row).toEqual({ pid: preparedBy, names: 1 });
      expect(await pool.query('select $1::int as kept', [2], { keepPlan: true })).toEqual([{ kept: 2 }]);
    } finally {
      await pool.end();
    }
  });

  it.each([
    ['goes on with a session whose preparation the server refused', 'select no_such_column'],
    ['takes another session if the one that was prepared has ended', 'select pg_terminate_backend(pg_backend_pid())'],
  ])('%s', async (_what, statement) => {
    const errors: Error[] = [];
    const pool = createPool(database.url, { onError: (error) => errors.push(error) });
    try {
      pool.warm(async (session) => {
        await session.query(statement);
      });
      expect(await pool.query('select 1 as one')).toEqual([{ one: 1 }]);
      expect(errors).toEqual([]);
    } finally {
      await pool.end();
    }
  });

  it('says nothing of a database that is away: the first statement does', async () => {
    const pool = createPool(`postgresql://u:p@127.0.0.1:${await freePort()}/d`, { connectTimeoutMs: 5_000 });
    try {
      pool.warm();
      await until('the end of the try', () => pool.stats().total === 0);
      await expect(pool.query('select 1')).rejects.toThrow(/ECONNREFUSED|refused/);
    } finally {
      await pool.end();
    }
  });
});
