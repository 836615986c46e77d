import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTraceCollector, type TraceCollector } from '../../../infra/local/trace-collector.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { createJetStreamPublisher } from '../../../shared/nats/jetstream-publisher.ts';
import type { MessageTrace } from '../../../shared/operate/commands/message-trace.ts';
import type { StateTrace } from '../../../shared/operate/commands/state-trace.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState, type StateFixture } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

let database: TestDatabase;
let server: TestNatsServer;
let connection: NatsConnection;
let collector: TraceCollector;
let store: TestStore;
let state: StateFixture;

const run = async <T>(...args: readonly string[]): Promise<T> => {
  const { stdout, stderr, exitCode } = await runStateSync([...args, '--json'], store.env);
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as T;
};

const publish = async (payload: object, id?: string): Promise<void> => {
  const publisher = createJetStreamPublisher(connection);
  const [outcome] = await publisher.publish([
    {
      stream: 'processor_state_sync',
      baseSubject: 'processor.state.sync',
      subject: 'processor.state.sync',
      payload: Buffer.from(JSON.stringify(payload)),
      id: id ?? '',
      headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    },
  ]);
  expect(outcome).toMatchObject({ ok: true });
};

/** A span of the connector, as it exports one for each delivery. */
const exportSpan = async (identity: string): Promise<void> => {
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const now = BigInt(Date.now()) * 1_000_000n;
  const span = {
    traceId,
    spanId: '00f067aa0ba902b8',
    parentSpanId: '00f067aa0ba902b7',
    name: 'deliver processor.state.sync',
    kind: 3,
    startTimeUnixNano: String(now),
    endTimeUnixNano: String(now + 2_000_000n),
    attributes: [attribute('messaging.message.id', identity)],
  };
  const resource = { attributes: [attribute('service.name', 'connector')] };
  const answer = await fetch(`${collector.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
  });
  expect(answer.status).toBe(200);
};

beforeAll(async () => {
  [database, server, collector] = await Promise.all([startTestDatabase(), startTestNats(), startTraceCollector()]);
  connection = await connectNats({ url: server.url, name: 'test' });
  store = await startTestStore({
    natsUrl: server.url,
    databaseUrl: database.url,
    env: { JAEGER_QUERY_URL: collector.url, JAEGER_UI_URL: 'http://jaeger.example' },
  });
  await store.startConnector();
  state = await createState(database.pool, {
    primaryKey: ['id'],
    properties: { routing: { mode: 'after_save' } },
    processorsBehind: 1,
  });
  for (const [id, rows] of [
    ['first', [{ id: 'a' }]],
    ['second', [{ id: 'b' }, { id: 'c' }, { id: 'd' }]],
  ] as const) {
    await publish({ type: 'query_state_direct', state_id: state.stateId, query_state: rows }, id);
    await exportSpan(`processor_state_sync/${id}`);
    await until(`${id} to be stored`, async () => {
      const stored = await database.pool.query('select from state_sync.ledger where message_id = $1', [
        `processor_state_sync/${id}`,
      ]);
      return stored.length === 1;
    });
  }
});

afterAll(async () => {
  await store?.close();
  await connection?.close();
  await Promise.all([server?.close(), database?.stop(), collector?.close()]);
});

describe('the way of a row', () => {
  it('leads from its position to its message, stream, time and trace', async () => {
    const { rows } = await run<StateTrace>('state', 'trace', state.stateId, '2');
    expect(rows).toMatchObject([
      {
        position: 2,
        cells: { id: 'c' },
        delivery: {
          identity: 'processor_state_sync/second',
          stream: 'processor_state_sync',
          messageId: 'second',
          functions: ['state-direct', 'state-route'],
          firstRow: 1,
          lastRow: 3,
          rows: 3,
        },
        trace: { traceId, traceUrl: `http://jaeger.example/trace/${traceId}`, reason: '' },
      },
    ]);
    expect(Date.parse(rows[0]?.delivery?.storedTime ?? '')).toBeGreaterThan(Date.now() - 600_000);
  });

  it('leads from a value of its key, from its state_key, and from its state_key_plain', async () => {
    const [row] = (await run<StateTrace>('state', 'trace', state.stateId, '3')).rows;
    const cells = row?.cells ?? {};
    expect(cells['state_key']).toMatch(/^[0-9a-f-]{36}$/);
    for (const key of ['"d"', cells['state_key'] ?? '', cells['state_key_plain'] ?? '']) {
      const found = await run<StateTrace>('state', 'trace', state.stateId, '--key', key);
      expect(
        found.rows.map(({ position }) => position),
        key,
      ).toEqual([3]);
    }
  });

  it('names the row that is not there, and says if another writer stored one', async () => {
    const beyond = await runStateSync(['state', 'trace', state.stateId, '4'], store.env);
    expect(beyond.exitCode).toBe(1);
    expect(beyond.stderr).toContain('has 4 rows: there is no row 4');
    const foreign = await createState(database.pool, { columns: [{ name: 'a' }] });
    await database.pool.query('update state set count = 1 where id = $1', [foreign.stateId]);
    const found = await run<StateTrace>('state', 'trace', foreign.stateId, '0');
    expect(found.rows).toMatchObject([{ delivery: null, trace: { reason: 'the delivery is not known' } }]);
    const text = (await runStateSync(['state', 'trace', foreign.stateId, '0'], store.env)).stdout;
    expect(text).toContain('another writer stored it');
  });
});

describe('what became of a message', () => {
  it.each(['second', 'processor_state_sync/second', 'sec'])('is found by %s', async (id) => {
    const { deliveries } = await run<MessageTrace>('trace', id);
    expect(deliveries).toMatchObject([
      { identity: 'processor_state_sync/second', stateId: state.stateId, firstRow: 1 },
    ]);
  });

  it('is found by its trace, and the trace is drawn', async () => {
    await exportSpan('processor_state_sync/second');
    const found = await run<MessageTrace>('trace', traceId);
    expect(found.deliveries.map(({ identity }) => identity).toSorted()).toEqual([
      'processor_state_sync/first',
      'processor_state_sync/second',
    ]);
    const { stdout } = await runStateSync(['trace', 'second', '--spans'], store.env);
    expect(stdout).toContain('rows      1 to 3 of state');
    expect(stdout).toContain('deliver processor.state.sync');
  });

  it('tells its forwards, and the forward tells whose rows it passes on', async () => {
    let forwarded: MessageTrace['deliveries'][number] | undefined;
    await until('the forward to be handled', async () => {
      [forwarded] = (await run<MessageTrace>('trace', 'second')).deliveries;
      return forwarded?.isForwarded === true && (forwarded.forwards[0]?.handled.length ?? 0) > 0;
    });
    const [route] = state.inputRouteIds;
    const handled = `processor_state_router/processor_state_sync/second/${route}/0-2`;
    expect(forwarded?.forwards).toEqual([{ routeId: route, handled: [handled] }]);
    const { deliveries } = await run<MessageTrace>('trace', handled);
    expect(deliveries).toMatchObject([
      { stateId: null, forwardOf: { identity: 'processor_state_sync/second', routeId: route, rows: '0-2' } },
    ]);
  });

  it('is a dead letter, found by id, by trace and by its own sequence', async () => {
    await publish({ type: 'query_state_direct', state_id: 'nobody', query_state: [{ id: 'x' }] }, 'lost');
    let letter: { readonly sequence: number; readonly messageId: string } | undefined;
    await until('the dead letter', async () => {
      const { letters } = await run<{ letters: (typeof letter & {})[] }>('dead', 'list');
      letter = letters.find(({ messageId }) => messageId === 'lost');
      return letter !== undefined;
    });
    for (const args of [['lost'], [traceId], ['--dead', String(letter?.sequence)]]) {
      const { deadLetters } = await run<MessageTrace>('trace', ...args);
      expect(deadLetters, args.join(' ')).toMatchObject([{ messageId: 'lost', code: 'unknown_state', traceId }]);
    }
  });

  it('is nowhere: that is said', async () => {
    const nowhere = await runStateSync(['trace', 'never-published'], store.env);
    expect(nowhere.exitCode).toBe(1);
    expect(nowhere.stderr).toContain('neither the ledger, nor the dead letters, nor the streams know');
  });

  it('still waits, if nobody reads its stream', async () => {
    const alone = await startTestNats();
    const other = await startTestStore({ natsUrl: alone.url, databaseUrl: database.url });
    const own = await connectNats({ url: alone.url, name: 'test' });
    try {
      const publisher = createJetStreamPublisher(own);
      await publisher.publish([
        {
          stream: 'processor_state_sync',
          baseSubject: 'processor.state.sync',
          subject: 'processor.state.sync',
          payload: Buffer.from('{}'),
          id: 'waits',
        },
      ]);
      const { stdout } = await runStateSync(['trace', 'waits'], other.env);
      expect(stdout).toContain('waits in stream processor_state_sync at 1');
    } finally {
      await own.close();
      await other.close();
      await alone.close();
    }
  });
});
