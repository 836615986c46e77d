import { afterAll, beforeAll, expect, it } from 'vitest';
import { readServerFacts } from '../../../infra/cli/doctor/check-server.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase({ migrated: false });
});
afterAll(() => database?.stop());

const asker = () => database.openPool({ max: 1 });

it('knows nothing of sessions that hold nothing back', async () => {
  const idle = database.openPool({ max: 1, applicationName: 'idle' });
  await idle.query('select 1');
  expect((await readServerFacts(asker())).open).toBeNull();
});

it('names the session whose transaction is open for longest, whether it reads or writes', async () => {
  const begin = async (name: string, statement: string) => {
    const pool = database.openPool({ max: 1, applicationName: name });
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let over = Promise.resolve();
    const pid = await new Promise<number>((resolve, reject) => {
      over = pool.transaction(async (connection) => {
        await connection.query('set transaction isolation level repeatable read');
        const [row] = await connection.query<{ pid: number }>(statement);
        resolve(row!.pid);
        await released;
      });
      over.catch(reject);
    });
    const end = async (): Promise<void> => {
      release();
      await over;
    };
    return { pid, end };
  };
  const first = await begin('report', 'select pg_backend_pid() as pid, count(*) from pg_class');
  const second = await begin('writer', 'select pg_backend_pid() as pid, pg_current_xact_id()');
  const pool = asker();
  expect((await readServerFacts(pool)).open).toMatchObject({ pid: first.pid, user: 'tester', application: 'report' });
  await first.end();
  expect((await readServerFacts(pool)).open).toMatchObject({ pid: second.pid, application: 'writer' });
  await second.end();
  expect((await readServerFacts(pool)).open).toBeNull();
});
