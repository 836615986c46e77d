import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../../infra/cli/doctor/finding.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { ensureConsumers } from '../../../shared/nats/ensure-consumer.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { until } from '../../support/until.ts';
import { runStateSync, type CliRun } from '../../support/run-state-sync.ts';
import { createState } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';

const subject = 'processor.state.sync';

let database: TestDatabase;
let server: TestNatsServer;
let connection: NatsConnection;
let store: TestStore;

/** What `doctor` says is not right, by code; every such finding says what mends it. */
const diagnose = async (
  env: Readonly<Record<string, string>>,
  more: Parameters<typeof runStateSync>[2] = {},
): Promise<{ readonly run: CliRun; readonly of: (code: string) => Finding | undefined }> => {
  const run = await runStateSync(['doctor', '--json'], env, more);
  const { findings } = run.json() as { findings: readonly Finding[] };
  for (const finding of findings) {
    if (finding.level === 'ok') continue;
    expect(finding.fix, finding.code).toMatch(/\w/);
    expect(run.stdout).not.toContain(database.url);
  }
  expect(run.exitCode).toBe(findings.some(({ level }) => level === 'fail') ? 1 : 0);
  return { run, of: (code) => findings.find((finding) => finding.code === code) };
};

const urlWith = (change: (url: URL) => void): string => {
  const url = new URL(database.url);
  change(url);
  return url.href;
};

/** Publishes as a producer that knows nothing of us. */
const publish = async (text: string, id: string): Promise<void> => {
  await connection.jetstream().publish(subject, text, { msgID: id });
};

interface Letter {
  readonly sequence: number;
  readonly code: string;
  readonly reason: string;
  readonly messageId: string;
}

/** The dead letter of a message, once it is there. */
const letterOf = async (id: string): Promise<Letter> => {
  let letter: Letter | undefined;
  await until(`the dead letter of ${id}`, async () => {
    const run = await runStateSync(['dead', 'list', '--json'], store.env);
    letter = (run.json() as { letters: readonly Letter[] }).letters.find(({ messageId }) => messageId === id);
    return letter !== undefined;
  });
  return letter!;
};

beforeAll(async () => {
  [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
  // Without any state an unknown id would be taken for a database that is not the right one.
  await database.pool.query(`insert into state (id) values ('some other')`);
  connection = await connectNats({ url: server.url, name: 'test' });
  store = await startTestStore({ natsUrl: server.url, databaseUrl: database.url });
  await store.startConnector();
});

afterAll(async () => {
  await store?.close();
  await connection?.close();
  await Promise.all([server?.close(), database?.stop()]);
});

describe('a store in which everything is right', () => {
  it('gets no failure from doctor, in words and as JSON', async () => {
    const { run, of } = await diagnose(store.env);
    expect(run.exitCode).toBe(0);
    expect(of('settings_valid')).toBeDefined();
    for (const code of [
      'tables_found',
      'privileges_held',
      'clocks_agree',
      'stream_found',
      'payload_fits',
      'function_answers',
    ]) {
      expect(of(code), code).toMatchObject({ level: 'ok' });
    }
    const words = await runStateSync(['doctor'], store.env);
    expect(words.stdout).toMatch(/^0 failures, \d+ warnings, \d+ right$/m);
    expect(words.exitCode).toBe(0);
  });
});

describe('doctor names the fault', () => {
  it('composite keys that are stored in another order than new ones', async () => {
    const { stateId } = await createState(database.pool, {
      primaryKey: ['zone', 'area'],
      columns: [{ name: 'state_key_plain', dataType: 'json' }],
    });
    await database.pool.query(
      `insert into state_column_data (column_id, data_index, data_json_value)
       select id, 0, '[["area", 1], ["zone", 2]]' from state_column where state_id = $1`,
      [stateId],
    );
    expect((await diagnose(store.env)).of('key_order_differs')).toMatchObject({
      level: 'fail',
      message: expect.stringContaining(stateId),
      fix: 'set STATE_SYNC_KEY_ORDER=name for the functions',
    });
    const { of } = await diagnose({ ...store.env, STATE_SYNC_KEY_ORDER: 'name' });
    expect(of('key_order_kept')).toMatchObject({ level: 'ok' });
    await database.pool.query('delete from state_column_key_definition where state_id = $1', [stateId]);
  });

  it('of a wrong password', async () => {
    const { of } = await diagnose({ ...store.env, DATABASE_URL: urlWith((url) => (url.password = 'wrong')) });
    expect(of('database_misconfigured')).toMatchObject({
      level: 'fail',
      fix: expect.stringContaining('password') as string,
    });
  });

  it('of a database that is not there', async () => {
    const { of } = await diagnose({ ...store.env, DATABASE_URL: urlWith((url) => (url.port = '1')) });
    expect(of('database_unavailable')).toMatchObject({
      level: 'fail',
      fix: expect.stringContaining('start PostgreSQL') as string,
    });
  });

  it('of a schema that was never made, and the command that it gives mends it', async () => {
    await database.pool.query('create database empty');
    const env = { ...store.env, DATABASE_URL: urlWith((url) => (url.pathname = '/empty')) };
    const before = await diagnose(env);
    expect(before.of('schema_missing')).toMatchObject({ level: 'fail', fix: 'state-sync migrate' });
    expect((await runStateSync(['migrate'], env)).exitCode).toBe(0);
    const after = await diagnose(env);
    expect(after.of('tables_found')).toMatchObject({ level: 'ok' });
    expect(after.of('schema_missing')).toBeUndefined();
  });

  it('of a state that is near the end of its rows, and of one that data has made too wide', async () => {
    await database.pool.query('create database large');
    const env = { ...store.env, DATABASE_URL: urlWith((url) => (url.pathname = '/large')), MAX_STATE_COLUMNS: '10' };
    expect((await runStateSync(['migrate'], env)).exitCode).toBe(0);
    const pool = createPool(env.DATABASE_URL);
    await pool.query(`insert into state (id, count) values ('long', 2147483000), ('wide', 0), ('fine', 5)`);
    await pool.query(
      `insert into state_column (state_id, name) select s, 'c' || n from (values ('wide', 9), ('fine', 8)) v (s, most), generate_series(1, most) n`,
    );
    await pool.end();
    const { of } = await diagnose(env);
    expect(of('state_nearly_full')).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('long') as string,
    });
    expect(of('state_nearly_too_wide')).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('wide') as string,
    });
  });

  it('of a database that is migrated and empty: it may be the wrong one, and its name is said', async () => {
    const env = { ...store.env, DATABASE_URL: urlWith((url) => (url.pathname = '/empty')) };
    const { of } = await diagnose(env);
    expect(of('no_states')).toMatchObject({
      level: 'warn',
      message: expect.stringMatching(/127\.0\.0\.1:\d+\/empty is empty/) as string,
      fix: expect.stringContaining('correct host and database in DATABASE_URL') as string,
    });
  });

  it('of the unique index that older installations lack, and the command that it gives mends it', async () => {
    const env = { ...store.env, DATABASE_URL: urlWith((url) => (url.pathname = '/empty')) };
    const pool = createPool(env.DATABASE_URL, { max: 1 });
    await pool.query('drop index state_column_data_comp_ux');
    expect((await diagnose(env)).of('cell_index_missing')).toMatchObject({ level: 'fail', fix: 'state-sync migrate' });
    expect((await runStateSync(['migrate'], env)).stdout).toContain('005_cell_index.sql');
    expect((await diagnose(env)).of('cells_unique')).toMatchObject({ level: 'ok' });
    expect((await runStateSync(['migrate'], env)).stdout).toContain('nothing to do');
    await pool.end();
  });

  it('of row-level security that hides everything, and the statement that it gives mends it', async () => {
    await database.pool.query(
      `create role filtered login password 'filtered' in role pg_read_all_data, pg_write_all_data`,
    );
    await database.pool.query('grant usage on all sequences in schema public, state_sync to filtered');
    await database.pool.query('alter table state enable row level security');
    const env = {
      ...store.env,
      DATABASE_URL: urlWith((url) => {
        url.username = 'filtered';
        url.password = 'filtered';
      }),
    };
    try {
      const finding = (await diagnose(env)).of('rows_hidden');
      expect(finding).toMatchObject({ level: 'fail' });
      expect(finding?.message).toMatch(/active for "filtered" on state at 127\.0\.0\.1/);
      await database.pool.query(finding!.fix!.replace(/^psql: /, ''));
      expect((await diagnose(env)).of('states_visible')).toMatchObject({ level: 'ok' });
    } finally {
      await database.pool.query('alter table state disable row level security');
    }
  });

  it('of privileges that are missing, and the statements that it gives mend it', async () => {
    await database.pool.query(`create role weak login password 'weak'`);
    const env = {
      ...store.env,
      DATABASE_URL: urlWith((url) => {
        url.username = 'weak';
        url.password = 'weak';
      }),
    };
    for (let rounds = 0; rounds < 3; rounds += 1) {
      const { run } = await diagnose(env);
      const missing = (run.json() as { findings: readonly Finding[] }).findings.filter(
        ({ code }) => code === 'privilege_missing',
      );
      if (missing.length === 0) break;
      expect(rounds).toBeLessThan(2);
      for (const { fix } of missing) await database.pool.query(fix!.replace(/^psql: /, ''));
    }
    expect((await diagnose(env)).of('privileges_held')).toMatchObject({ level: 'ok' });
  });

  it('of clocks that differ', async () => {
    const { of } = await diagnose(store.env, { nowMs: () => Date.now() + 60_000 });
    expect(of('clock_skew')).toMatchObject({
      level: 'warn',
      message: expect.stringMatching(/-(59|60)\d{3} ms/) as string,
    });
  });

  it('of a wrong token', async () => {
    const { of } = await diagnose({ ...store.env, FUNCTION_TOKEN: 'another' });
    expect(of('unauthorized')).toMatchObject({
      level: 'fail',
      fix: expect.stringContaining('FUNCTION_TOKEN') as string,
    });
  });

  it('of a gateway that is down', async () => {
    const { of } = await diagnose({ ...store.env, GATEWAY_URL: 'http://127.0.0.1:1' });
    expect(of('gateway_unavailable')).toMatchObject({ level: 'fail' });
  });

  it('of a body limit below what the server lets through', async () => {
    const { of } = await diagnose({ ...store.env, MAX_BODY_BYTES: '100000' });
    expect(of('body_limit_too_small')).toMatchObject({
      level: 'fail',
      fix: expect.stringContaining('MAX_BODY_BYTES') as string,
    });
  });

  it('of deadlines that do not fit', async () => {
    const { of } = await diagnose({ ...store.env, FUNCTION_DEADLINE_MS: '60000' });
    expect(of('deadline_too_long')).toMatchObject({ level: 'fail' });
  });

  it('of settings and a routing file that make no sense, all of them at once', async () => {
    const { of, run } = await diagnose({ ...store.env, LOG_LEVEL: 'LOUD', MSG_URL: 'http://x' });
    expect(of('configuration_fault')).toBeDefined();
    expect(run.stdout.match(/configuration_fault/g)).toHaveLength(2);
    const folder = await mkdtemp(join(tmpdir(), 'faults-'));
    try {
      const routingFile = join(folder, 'routing.yaml');
      await writeFile(routingFile, 'messageConfig: {}');
      expect((await diagnose({ ...store.env, ROUTING_FILE: routingFile })).of('routing_fault')).toMatchObject({
        level: 'fail',
      });
      await writeFile(join(folder, 'function-token'), 'secret');
      await chmod(join(folder, 'function-token'), 0o644);
      const { FUNCTION_TOKEN: _, ...rest } = store.env;
      expect((await diagnose({ ...rest, SECRETS_DIR: folder })).of('secret_world_readable')).toMatchObject({
        level: 'warn',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('of a NATS server that is not there', async () => {
    const { of } = await diagnose({ ...store.env, MSG_URL: 'nats://127.0.0.1:1' });
    expect(of('nats_unavailable')).toMatchObject({
      level: 'fail',
      fix: expect.stringContaining('nats-server') as string,
    });
  });

  it('of a trace collector that is not there', async () => {
    const { of } = await diagnose({
      ...store.env,
      OTEL_TRACES_EXPORTER: '',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    });
    expect(of('collector_unavailable')).toMatchObject({ level: 'warn' });
  });
});

describe('a message that was not stored', () => {
  it.each([
    ['is not JSON', 'not json {', 'invalid_json'],
    ['has no type', '{"state_id":"s"}', 'missing_type'],
    [
      'names an unknown route',
      '{"type":"query_state_route","route_id":"nowhere","query_state":[{"a":1}]}',
      'unknown_route',
    ],
  ])('because it %s is explained by dead show and by doctor', async (name, text, code) => {
    const id = `fault/${name}`;
    await publish(text, id);
    const letter = await letterOf(id);
    expect(letter.code).toBe(code);
    expect(letter.reason).toMatch(/\w/);
    const shown = await runStateSync(['dead', 'show', String(letter.sequence)], store.env);
    expect(shown.stdout).toContain(code);
    expect(shown.stdout).toContain(text);
    const { of } = await diagnose(store.env);
    expect(of(code)).toMatchObject({ level: 'warn', fix: expect.stringContaining(`--code ${code}`) as string });
  });

  it('because its text holds NUL is explained, and its neighbour is stored', async () => {
    const { stateId } = await createState(database.pool);
    const direct = (value: string): string =>
      JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state: [{ value }] });
    await publish(direct('a\u0000b'), 'fault/nul');
    await publish(direct('fine'), 'fine/1');
    const letter = await letterOf('fault/nul');
    expect(letter.code).toBe('unstorable_text');
    await until('the neighbour is stored', async () => {
      const [row] = await database.pool.query<{ count: number }>('select count from state where id = $1', [stateId]);
      return row?.count === 1;
    });
    const rows = await runStateSync(['state', 'export', stateId], store.env);
    expect(rows.stdout).toBe('{"value":"fine"}\n');
  });

  it('because its state did not exist yet is stored by a replay, once', async () => {
    const { stateId } = await createState(database.pool);
    const late = `late-${stateId.slice(0, 8)}`;
    await publish(
      JSON.stringify({ type: 'query_state_direct', state_id: late, query_state: [{ a: 1 }] }),
      'fault/late',
    );
    const letter = await letterOf('fault/late');
    expect(letter.code).toBe('unknown_state');
    await database.pool.query('insert into state (id, count) values ($1, 0)', [late]);
    const replay = await runStateSync(['dead', 'replay', '--code', 'unknown_state', '--json'], store.env);
    expect(replay.exitCode).toBe(0);
    expect(replay.json()).toMatchObject({ replayed: 1, failures: 0, complete: true });
    await until('the row is stored', async () => {
      const [row] = await database.pool.query<{ count: number }>('select count from state where id = $1', [late]);
      return row?.count === 1;
    });
    expect((await runStateSync(['state', 'verify', late], store.env)).exitCode).toBe(0);
    expect(await database.pool.query('select message_id from state_sync.ledger where state_id = $1', [late])).toEqual([
      { message_id: 'processor_state_sync/fault/late' },
    ]);
  });
});

describe('a message that waits', () => {
  let waiting: TestNatsServer;
  let client: NatsConnection;
  let env: Readonly<Record<string, string>>;

  beforeEach(async () => {
    const newest = (await natsVariants()).findLast(({ binary }) => binary !== undefined);
    waiting = await startTestNats({ binary: newest!.binary! });
    client = await connectNats({ url: waiting.url, name: 'test' });
    env = { ...store.env, MSG_URL: waiting.url };
  });

  afterEach(async () => {
    await client.close();
    await waiting.close();
  });

  const makeStream = async () => {
    const stream = await ensureStream(client, { stream: 'processor_state_sync', baseSubject: subject });
    await client.jetstream().publish(subject, '{}');
    return stream;
  };

  const makeConsumer = async (): Promise<void> => {
    const durable = 'processor_state_sync_sub_1';
    const filterSubjects = [subject, `${subject}.>`];
    await ensureConsumers(client, {
      stream: await makeStream(),
      durable,
      filterSubjects,
      ackWaitMs: 30_000,
      maxAckPending: 1,
    });
  };

  it('because there is no stream is explained, and the command that doctor gives mends it', async () => {
    expect((await diagnose(env)).of('stream_missing')).toMatchObject({
      level: 'fail',
      fix: 'state-sync streams create',
    });
    expect((await runStateSync(['streams', 'create'], env)).exitCode).toBe(0);
    const { of } = await diagnose(env);
    expect(of('stream_missing')).toBeUndefined();
    expect(of('stream_found')).toBeDefined();
  });

  it('because no connector was ever there is explained', async () => {
    await makeStream();
    expect((await diagnose(env)).of('no_consumer')).toMatchObject({
      fix: expect.stringContaining('connector') as string,
    });
  });

  it('because nobody reads its consumer is explained', async () => {
    await makeConsumer();
    const found = await diagnose(env);
    expect(found.of('not_read')).toMatchObject({
      level: 'fail',
      message: expect.stringContaining('1 message of processor_state_sync waits') as string,
    });
    expect(found.of('connector_away')).toMatchObject({ level: 'fail' });
    const status = await runStateSync(['status'], env);
    expect(status.stdout).toContain('✗ No connector');
    expect(status.stdout).toContain('No active consumer');
    expect(status.exitCode).toBe(1);
  });

  it('because its consumer has given out all that it may is explained', async () => {
    await makeConsumer();
    await client.jetstream().publish(subject, '{}');
    const consumer = await client.jetstream().consumers.get('processor_state_sync', 'processor_state_sync_sub_1');
    await consumer.next({ expires: 2_000 });
    // That alone is usual under load; whether messages are settled is another finding.
    expect((await diagnose(env)).of('consumer_is_full')).toMatchObject({ level: 'warn' });
  });

  it('because its consumer is paused is explained (servers from 2.11 on)', async ({ skip }) => {
    const [major = 0, minor = 0] = (client.info?.version ?? '').split('.').map(Number);
    if (major === 2 && minor < 11) skip('this server cannot pause a consumer');
    await makeConsumer();
    await client.request(
      '$JS.API.CONSUMER.PAUSE.processor_state_sync.processor_state_sync_sub_1',
      JSON.stringify({ pause_until: new Date(Date.now() + 60_000).toISOString() }),
    );
    expect((await diagnose(env)).of('consumer_paused')).toMatchObject({ level: 'fail' });
  });

  it('because its stream is full is explained', async () => {
    await makeStream();
    const { streams } = await client.jetstreamManager();
    await streams.update('processor_state_sync', { max_msgs: 1, discard: 'new' as never });
    expect((await diagnose(env)).of('stream_full')).toMatchObject({ level: 'fail' });
  });
});
