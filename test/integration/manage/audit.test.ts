import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditPage } from '../../../shared/operate/commands/audit.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import { startManageApp, type ManageApp } from '../../support/manage-app.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';

let database: TestDatabase;
let server: TestNatsServer;
let connection: NatsConnection;
let manage: ManageApp;

/** Letters without headers of ours: they can be purged, which is enough here. */
const makeLetters = async (count: number): Promise<void> => {
  await ensureStream(connection, {
    stream: 'state_sync_dead_letter',
    baseSubject: 'state_sync.dead_letter',
    retention: 'limits',
  });
  for (let letter = 0; letter < count; letter += 1) {
    await connection.jetstream().publish('state_sync.dead_letter', 'a secret payload');
  }
};

beforeAll(async () => {
  [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
  connection = await connectNats({ url: server.url, name: 'test' });
  manage = await startManageApp({ natsUrl: server.url, databaseUrl: database.url });
});

afterAll(async () => {
  await manage?.close();
  await connection?.close();
  await Promise.all([server?.close(), database?.stop()]);
});

describe('the audit log', () => {
  it('tells who did what to what, how many and when, the newest first', async () => {
    const { stateId } = await createState(database.pool, { columns: [{ name: 'a' }] });
    await database.pool.query('update state set count = 5 where id = $1', [stateId]);
    await makeLetters(3);
    const body = JSON.stringify({ command: 'dead.purge', all: true });
    const headers = { 'content-type': 'application/json', origin: 'http://page.example', 'x-forwarded-user': 'Ada' };
    expect(await manage.request({ body, headers })).toMatchObject({ status: 200 });
    await manage.result({ command: 'repair.mend', state_id: stateId, apply: true });
    const { entries } = await manage.result<AuditPage>({ command: 'audit' });
    expect(entries).toMatchObject([
      { actor: 'manage', action: 'repair.mend', target: { state_id: stateId, apply: true }, affected: 1 },
      { actor: 'Ada (page)', action: 'dead.purge', target: { all: true }, affected: 3 },
    ]);
    expect(JSON.stringify(entries)).not.toContain('secret');
    expect(Date.now() - Date.parse(entries[0]?.time ?? '')).toBeLessThan(600_000);
  });

  it('names the user and host of the command line, and is read there, page by page', async () => {
    await makeLetters(1);
    const env = {
      DATABASE_URL: database.url,
      MSG_URL: server.url,
      ROUTING_FILE: manage.routingFile,
      USER: 'grace',
    };
    expect((await runStateSync(['dead', 'purge', '--all', '--yes'], env)).exitCode).toBe(0);
    const first = await runStateSync(['audit', '--limit', '1', '--json'], env);
    const { entries, next } = first.json() as AuditPage;
    expect(entries).toMatchObject([{ action: 'dead.purge', affected: 1 }]);
    expect(entries[0]?.actor).toMatch(/^grace@.+ \(command line\)$/);
    const more = await runStateSync(['audit', '--before', String(next), '--action', 'dead.purge', '--json'], env);
    expect((more.json() as AuditPage).entries).toMatchObject([{ actor: 'Ada (page)' }]);
    expect((await runStateSync(['audit'], env)).stdout).toContain('grace@');
  });

  it('has no line for what only said what it would do, or did nothing', async () => {
    const { stateId } = await createState(database.pool, { columns: [{ name: 'a' }] });
    const before = await manage.result<AuditPage>({ command: 'audit' });
    await manage.result({ command: 'repair.mend', state_id: stateId });
    await manage.result({ command: 'dead.purge', all: true });
    expect(await manage.result({ command: 'audit' })).toEqual(before);
  });

  it('forgets what is older than a year with the next entry', async () => {
    const { pool } = database;
    await pool.query(
      `insert into state_sync.audit (at, actor, action, target, affected)
       values (now() - interval '366 days', 'old', 'dead.purge', '{}', 1), (now() - interval '364 days', 'kept', 'dead.purge', '{}', 1)`,
    );
    await makeLetters(1);
    await manage.result({ command: 'dead.purge', all: true });
    const actors = await pool.query<{ actor: string }>(
      `select actor from state_sync.audit where actor in ('old', 'kept')`,
    );
    expect(actors).toEqual([{ actor: 'kept' }]);
  });

  it('stops nothing if it cannot be written, and that is logged', async () => {
    const broken = await startManageApp({ natsUrl: server.url, databaseUrl: 'postgresql://nobody@127.0.0.1:1/none' });
    try {
      await makeLetters(1);
      expect(await broken.result({ command: 'dead.purge', all: true })).toMatchObject({ purged: 1 });
      expect(broken.logLines.join('')).toContain('in the audit log');
    } finally {
      await broken.close();
    }
  });
});
