import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { ensureConsumers } from '../../../shared/nats/ensure-consumer.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import { answerAsReplica, askReplicas, replicaSubject } from '../../../shared/nats/replica-channel.ts';
import type { StoreStatus } from '../../../shared/operate/commands/status.ts';
import { startManageApp, testToken, type ManageApp } from '../../support/manage-app.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';

const manageTopic = 'ism_state_sync_store_manage';

let database: TestDatabase;
let server: TestNatsServer;
let connection: NatsConnection;
let manage: ManageApp;

/** A state with two columns and three rows; `count` as given. */
const makeState = async (id: string, count: number, name?: string): Promise<void> => {
  const { pool } = database;
  await pool.query('insert into state (id, count) values ($1, $2)', [id, count]);
  if (name !== undefined) {
    await pool.query(`insert into state_config (state_id, attribute, data) values ($1, 'name', $2)`, [id, name]);
  }
  for (const [order, column] of ['a', 'b'].entries()) {
    await pool.query('insert into state_column (state_id, name, display_order) values ($1, $2, $3)', [
      id,
      column,
      order,
    ]);
  }
  await pool.query(
    `insert into state_column_data (column_id, data_index, data_value)
     select c.id, i, c.name || i from state_column c, generate_series(0, 2) i where c.state_id = $1`,
    [id],
  );
};

beforeAll(async () => {
  [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
  connection = await connectNats({ url: server.url, name: 'test' });
  manage = await startManageApp({ natsUrl: server.url, databaseUrl: database.url });
});

afterAll(async () => {
  await manage.close();
  await connection.close();
  await Promise.all([server.close(), database.stop()]);
});

describe('status', () => {
  it('tells backlog, consumers, dead letters, database and ledger', async () => {
    const stream = await ensureStream(connection, {
      stream: 'processor_state_sync',
      baseSubject: 'processor.state.sync',
    });
    await ensureConsumers(connection, {
      stream,
      durable: 'processor_state_sync_sub_1',
      filterSubjects: ['processor.state.sync', 'processor.state.sync.>'],
      ackWaitMs: 90_000,
      maxAckPending: 10,
    });
    await connection.jetstream().publish('processor.state.sync', '{}');
    await database.pool.query(`insert into state_sync.ledger (message_id) values ('one'), ('two')`);
    const status = await manage.result<StoreStatus>({ command: 'status' });
    expect(status.streams.map(({ name }) => name)).toEqual([
      'processor_state_sync',
      'processor_state_router',
      'processor_monitor',
    ]);
    expect(status.streams[0]).toMatchObject({
      ok: true,
      selectors: ['processor/state/sync'],
      stream: {
        messages: 1,
        lastSequence: 1,
        retention: 'workqueue',
        consumers: [{ name: 'processor_state_sync_sub_1', pending: 1, ackPending: 0, redelivered: 0, waiting: 0 }],
      },
    });
    expect(status.streams[1]).toMatchObject({ ok: true, stream: null });
    expect(status.deadLetters).toMatchObject({ ok: true, stream: 'state_sync_dead_letter', messages: 0 });
    expect(status.database).toMatchObject({ ok: true, ledgerRows: 2, isLedgerCounted: true });
    expect(status.nats).toMatchObject({ ok: true, maxPayloadBytes: 1_048_576 });
    expect(status.functions).toBeNull();
  });

  it('says of each part that is down why, and tells the rest', async () => {
    const broken = await startManageApp({
      natsUrl: server.url,
      databaseUrl: database.url.replace(/:[^:@/]*@/, ':wrong@'),
      env: { GATEWAY_URL: 'http://127.0.0.1:1' },
    });
    try {
      const status = await broken.result<StoreStatus>({ command: 'status' });
      expect(status.database).toMatchObject({ ok: false, code: 'database_misconfigured' });
      expect(status.functions).toMatchObject({ ok: false });
      expect(status.nats).toMatchObject({ ok: true });
      expect(broken.logLines.join('')).not.toContain('wrong@');
    } finally {
      await broken.close();
    }
  });

  it('answers in time if NATS is not there', async () => {
    const alone = await startManageApp({ natsUrl: 'nats://127.0.0.1:1', databaseUrl: database.url });
    try {
      const status = await alone.result<StoreStatus>({ command: 'status' });
      expect(status.nats).toMatchObject({ ok: false, code: 'nats_unavailable' });
      expect(status.streams[0]).toMatchObject({ ok: false, code: 'nats_unavailable' });
      expect(status.database).toMatchObject({ ok: true });
      expect(await alone.command({ command: 'dead.list' })).toMatchObject({
        status: 503,
        body: { error: { code: 'nats_unavailable' } },
      });
    } finally {
      await alone.close();
    }
  });
});

describe('the caches of every replica', () => {
  it('are reached all, and each answers', async () => {
    const heard: unknown[] = [];
    const replicas = await Promise.all([1, 2, 3].map(() => connectNats({ url: server.url, name: 'replica' })));
    for (const [index, replica] of replicas.entries()) {
      answerAsReplica(replica, {
        subject: replicaSubject(manageTopic),
        token: testToken,
        answer: (request) => {
          heard.push(request);
          return { function: 'state-direct', replica: index };
        },
        onError: (error) => heard.push(error),
      });
      await replica.flush();
    }
    const result = await manage.result<{ answered: number; replicas: unknown[] }>({
      command: 'cache.invalidate',
      state_id: 's-1',
    });
    expect(result.answered).toBe(3);
    // Whoever may publish, but has no token, is not listened to.
    for (const token of [undefined, 'another']) {
      const options = { subject: replicaSubject(manageTopic), token, waitMs: 100 };
      expect(await askReplicas(connection, { command: 'cache.invalidate', all: true }, options)).toEqual([]);
    }
    expect(heard).toEqual(Array.from({ length: 3 }, () => ({ command: 'cache.invalidate', state_id: 's-1' })));
    expect(await manage.result({ command: 'cache.stats' })).toMatchObject({ answered: 3 });
    await Promise.all(replicas.map((replica) => replica.close()));
    expect(await manage.result({ command: 'cache.invalidate', all: true })).toEqual({ answered: 0, replicas: [] });
  });

  it.each([
    [{}],
    [{ all: false }],
    [{ state_id: 's', route_id: 'r' }],
    [{ state_id: 's', all: true }],
    [{ state_id: 7 }],
  ])('are not touched by %j, which says not clearly what to forget', async (fields) => {
    expect(await manage.command({ command: 'cache.invalidate', ...fields })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_arguments' } },
    });
  });
});

describe('states and their repair', () => {
  it('are listed by id, page by page, and found by name', async () => {
    await makeState('list-a', 3, 'Orders');
    await makeState('list-b', 3);
    const first = await manage.result<{ states: unknown[]; next: string }>({
      command: 'state.list',
      search: 'LIST-',
      limit: 1,
    });
    expect(first).toEqual({
      states: [{ id: 'list-a', name: 'Orders', projectId: null, rows: 3, columns: 2 }],
      next: 'list-a',
    });
    expect(await manage.result({ command: 'state.list', search: 'list-', after: first.next, limit: 5 })).toMatchObject({
      states: [{ id: 'list-b' }],
      next: null,
    });
    expect(await manage.result({ command: 'state.list', search: 'order' })).toMatchObject({
      states: [{ id: 'list-a' }],
    });
  });

  it('are shown with columns and a page of rows', async () => {
    await makeState('show', 3);
    expect(await manage.result({ command: 'state.show', state_id: 'show', offset: 1, limit: 5 })).toMatchObject({
      id: 'show',
      count: 3,
      columns: [{ name: 'a' }, { name: 'b' }],
      offset: 1,
      rows: [
        ['a1', 'b1'],
        ['a2', 'b2'],
      ],
    });
    expect(await manage.command({ command: 'state.show', state_id: 'none' })).toMatchObject({ status: 404 });
  });

  it('are looked at without being changed, and mended only when told to', async () => {
    await makeState('drifted', 1);
    expect(await manage.result({ command: 'repair.find' })).toMatchObject({
      drifted: expect.arrayContaining([{ stateId: 'drifted', count: 1, nextPosition: 3 }]) as unknown,
      next: null,
    });
    expect(await manage.result({ command: 'repair.find', state_id: 'drifted' })).toMatchObject({
      report: { count: 1, nextPosition: 3, positionsBeyondCount: 2 },
    });
    const actions = [{ action: 'set_count', from: 1, to: 3 }];
    const count = async () => (await database.pool.query(`select count from state where id = 'drifted'`))[0];
    expect(await manage.result({ command: 'repair.mend', state_id: 'drifted' })).toMatchObject({
      actions,
      applied: false,
    });
    expect(await count()).toEqual({ count: 1 });
    expect(await manage.result({ command: 'repair.mend', state_id: 'drifted', apply: true })).toMatchObject({
      actions,
      applied: true,
    });
    expect(await count()).toEqual({ count: 3 });
    expect(await manage.result({ command: 'repair.mend', state_id: 'drifted' })).toMatchObject({ actions: [] });
    expect(await manage.command({ command: 'repair.mend', state_id: 'none' })).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found' } },
    });
  });

  it('have a ledger that loses only what is older than asked', async () => {
    await database.pool.query(
      `insert into state_sync.ledger (message_id, applied_at, forwarded)
       values ('old', now() - interval '3 hours', true), ('new', now(), true)`,
    );
    expect(await manage.result({ command: 'ledger.prune', older_than_hours: 2 })).toMatchObject({
      removed: 1,
      complete: true,
    });
    expect(
      await database.pool.query(`select message_id from state_sync.ledger where message_id in ('old', 'new')`),
    ).toEqual([{ message_id: 'new' }]);
  });
});

describe('requests', () => {
  it('show the routing without passwords', async () => {
    const secret = await startManageApp({
      natsUrl: `nats://user:hunter2@127.0.0.1:${server.port}`,
      databaseUrl: database.url,
    });
    try {
      const shown = await secret.result<{ routes: { url: string }[]; triggers: unknown[] }>({
        command: 'routing.show',
      });
      expect(JSON.stringify(shown)).not.toContain('hunter2');
      expect(shown.triggers.length).toBeGreaterThan(0);
    } finally {
      await secret.close();
    }
  });

  it.each([
    ['not json', 'invalid_json'],
    ['[]', 'invalid_json'],
    ['{}', 'unknown_command'],
    ['{"command":"constructor"}', 'unknown_command'],
    ['{"command":"status","statte":1}', 'invalid_arguments'],
    ['{"command":"dead.list","limit":0}', 'invalid_arguments'],
    ['{"command":"dead.list","limit":"5"}', 'invalid_arguments'],
    ['{"command":"dead.show"}', 'invalid_arguments'],
    ['{"command":"dead.replay"}', 'invalid_arguments'],
    ['{"command":"dead.replay","all":true,"code":"x"}', 'invalid_arguments'],
    ['{"command":"repair.mend"}', 'invalid_arguments'],
    ['{"command":"repair.mend","state_id":"s","apply":"yes"}', 'invalid_arguments'],
    ['{"command":"ledger.prune","older_than_hours":0}', 'invalid_arguments'],
    [JSON.stringify({ command: 'state.show', state_id: 'x'.repeat(256) }), 'invalid_arguments'],
  ])('%s are refused with %s', async (body, code) => {
    const reply = await manage.request({ body });
    expect(reply).toMatchObject({ status: 400, body: expect.stringContaining(`"code":"${code}"`) as unknown });
  });

  it('without the token get nothing but the page', async () => {
    const without = { authorization: 'Bearer wrong' };
    expect(await manage.request({ method: 'GET', headers: without })).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
    });
    for (const request of [
      { method: 'POST', path: '/', body: '{"command":"status"}' },
      { method: 'GET', path: '/events' },
      { method: 'DELETE', path: '/' },
    ]) {
      expect(await manage.request({ ...request, headers: without })).toMatchObject({ status: 401 });
    }
  });

  it('that are larger than any command are refused', async () => {
    const body = JSON.stringify({ command: 'state.list', search: 'x'.repeat(2_200_000) });
    expect(await manage.request({ body })).toMatchObject({ status: 413 });
  });

  it('of a page elsewhere are refused', async () => {
    const headers = { origin: 'https://elsewhere.example', 'content-type': 'text/plain' };
    expect(await manage.request({ headers, body: '{"command":"status"}' })).toMatchObject({ status: 403 });
  });

  it('stream the status until the client goes', async () => {
    const reply = await manage.request({ method: 'GET', path: '/events' });
    if (!('stream' in reply)) throw new Error('not a stream');
    const leaving = new AbortController();
    let text = '';
    await reply.stream((chunk) => {
      text += chunk;
      leaving.abort();
    }, leaving.signal);
    expect(text).toMatch(/^event: status\ndata: \{"time".*\n\n$/);
    expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({ streams: [{}, {}, {}], replicas: [] });
  });

  it('are counted', async () => {
    expect(await manage.app.metrics()).toMatch(
      /state_sync_manage_commands_total\{function="manage",result="ok"\} [1-9]/,
    );
  });
});
