import { randomUUID } from 'node:crypto';
import { AckPolicy, connect, type JsMsg } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { readStreamTexts } from '../../support/read-stream-texts.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState, readCount, readRows, type StateFixture } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

const stream = 'processor_state_sync';
const durable = `${stream}_sub_1`;
const subject = 'processor.state.sync';
const ackWaitMs = 1_500;

/** Two rows of message `n`, as a producer sends them. */
const entriesOf = (n: number) => [
  { id: `${n}/a`, qty: n, doc: { b: [1, 2.5], a: n }, tags: ['x', 'y z'] },
  { id: `${n}/b`, qty: n + 0.5, doc: null },
];

/** What the Python service stores for the two rows of message `n`, column by column. */
const cellsOf = (n: number): Readonly<Record<string, readonly (string | null)[]>> => ({
  id: [`${n}/a`, `${n}/b`],
  qty: [String(n), `${n}.5`],
  doc: [`{"a": ${n}, "b": [1, 2.5]}`, null],
  tags: ['{x,"y z"}', null],
  source: ['import', 'import'],
  created: ['2025-01-01T00:00:00', '2025-01-01T00:00:00'],
  state_key: [`key ${n}/a`, `key ${n}/b`],
  state_key_plain: [`[["id","${n}/a"]]`, `[["id","${n}/b"]]`],
});

const columns = [
  { name: 'id' },
  { name: 'qty', dataType: 'float' },
  { name: 'doc', dataType: 'json' },
  { name: 'source', value: 'import' },
  { name: 'created', value: 'now()', callable: true },
  { name: 'state_key' },
  { name: 'state_key_plain' },
  { name: 'tags' },
];

/** Cells, mapping and the absolute count in one transaction, without a lock: as the Python service appends. */
const storeAsBefore = (pool: DatabasePool, stateId: string, n: number): Promise<void> =>
  pool.transaction(async (connection) => {
    const [state] = await connection.query<{ count: number }>('select count from state where id = $1', [stateId]);
    const start = state!.count;
    for (const [name, cells] of Object.entries(cellsOf(n))) {
      for (const [row, cell] of cells.entries()) {
        await connection.query(
          `insert into state_column_data (column_id, data_index, ${name === 'doc' ? 'data_json_value' : 'data_value'})
           select id, $3::bigint, $4::text${name === 'doc' ? '::jsonb' : ''} from state_column where state_id = $1 and name = $2`,
          [stateId, name, start + row, cell],
        );
        if (name !== 'state_key') continue;
        await connection.query(
          'insert into state_column_data_mapping (state_id, state_key, data_index) values ($1, $2, $3)',
          [stateId, cell, start + row],
        );
      }
    }
    await connection.query('update state set count = $2 where id = $1', [stateId, start + 2]);
  });

describe('taking over from a service that was killed', () => {
  let database: TestDatabase;
  let nats: TestNatsServer;
  let store: TestStore;

  beforeAll(async () => {
    [database, nats] = await Promise.all([startTestDatabase(), startTestNats()]);
    store = await startTestStore({
      natsUrl: nats.url,
      databaseUrl: database.url,
      env: { STATE_SYNC_FLATTEN: 'reference' },
    });
  });
  afterAll(async () => {
    await store?.close();
    await Promise.all([database?.stop(), nats?.close()]);
  });

  const newState = (): Promise<StateFixture> =>
    createState(database.pool, {
      columns,
      primaryKey: ['id'],
      processorsBehind: 1,
      properties: { persistence: { flatten: 'none' }, routing: { mode: 'after_save' } },
    });

  /** Publishes messages to the route, and gives all of them to the durable of a client that goes without a word. */
  const deliver = async (payloads: readonly string[]): Promise<void> => {
    const connection = await connect({ servers: nats.url });
    const manager = await connection.jetstreamManager();
    await manager.streams.add({
      name: stream,
      subjects: [subject, `${subject}.>`],
      retention: 'workqueue' as never,
    });
    await manager.consumers.add(stream, {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      ack_wait: ackWaitMs * 1e6,
      max_ack_pending: 1_000,
    });
    const jetstream = connection.jetstream();
    for (const payload of payloads) await jetstream.publish(subject, payload);
    const consumer = await jetstream.consumers.get(stream, durable);
    const received: JsMsg[] = [];
    for await (const message of await consumer.fetch({ max_messages: payloads.length, expires: 5_000 })) {
      received.push(message);
    }
    expect(received).toHaveLength(payloads.length);
    await connection.close();
  };

  const route = ({ outputRouteId }: StateFixture, n: number): string =>
    // White space around one of them: what a delivery's hash is made of is not all of its bytes.
    `${JSON.stringify({ type: 'query_state_route', route_id: outputRouteId, query_state: entriesOf(n) })}${n === 3 ? '\n' : ''}`;

  it(
    '50 messages were delivered and 20 of them stored: every row is there once, in order, and all are passed on',
    { timeout: 60_000 },
    async () => {
      const state = await newState();
      await storeAsBefore(database.pool, state.stateId, 1_000);
      const numbers = Array.from({ length: 50 }, (_, n) => n);
      await deliver(numbers.map((n) => route(state, n)));
      for (const n of numbers.slice(0, 20)) await storeAsBefore(database.pool, state.stateId, n);

      const dry = await runStateSync(['takeover', '--json'], store.env);
      expect(dry.json()).toMatchObject({
        applied: false,
        states: [{ stateId: state.stateId, stored: 20, notStored: 30, ambiguous: [], adopted: 0 }],
      });
      expect(dry.exitCode).toBe(0);
      const applied = await runStateSync(['takeover', '--apply', '--json'], store.env);
      expect(applied.json()).toMatchObject({ states: [{ stored: 20, notStored: 30, adopted: 20 }] });
      const again = await runStateSync(['takeover', '--apply', '--json'], store.env);
      expect(again.json()).toMatchObject({ known: 20, states: [{ stored: 0, notStored: 30, adopted: 0 }] });

      const client = await connect({ servers: nats.url });
      const passedOn = (): Promise<readonly string[]> => readStreamTexts(client, 'test_processors');
      const connector = await store.startConnector();
      await until('every message is passed on', async () => {
        return (await passedOn()).length >= 50;
      });
      await connector.stop(2_000);
      const rows = await readRows(database.pool, state.stateId);
      expect(rows.map(({ id }) => id)).toEqual([1_000, ...numbers].flatMap((n) => entriesOf(n).map(({ id }) => id)));
      expect(await readCount(database.pool, state.stateId)).toBe(102);
      const forwarded = (await passedOn()).flatMap((text) =>
        (JSON.parse(text) as { query_state: { id: string }[] }).query_state.map(({ id }) => id),
      );
      expect(forwarded.toSorted()).toEqual(numbers.flatMap((n) => entriesOf(n).map(({ id }) => id)).toSorted());
      const [ledger] = await database.pool.query<{ rows: number; forwarded: boolean }>(
        'select count(*)::int as rows, bool_and(forwarded) as forwarded from state_sync.ledger where state_id = $1',
        [state.stateId],
      );
      expect(ledger).toEqual({ rows: 50, forwarded: true });
      await client.close();
    },
  );

  it('says what is ambiguous and leaves it alone; does nothing while somebody reads', { timeout: 60_000 }, async () => {
    const [repeating, unknown] = [await newState(), randomUUID()];
    const direct = (stateId: string, n: number): string =>
      JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state: entriesOf(n) });
    await storeAsBefore(database.pool, repeating.stateId, 7);
    await storeAsBefore(database.pool, repeating.stateId, 7);
    await deliver([direct(repeating.stateId, 7), direct(repeating.stateId, 8), direct(unknown, 1), 'no JSON']);
    const report = await runStateSync(['takeover', '--apply', '--json'], store.env);
    expect(report.json()).toMatchObject({
      states: [{ stored: 0, notStored: 1, ambiguous: [{ reason: expect.stringContaining('2 times') }], adopted: 0 }],
      unplanned: [{ code: 'unknown_state' }, { code: 'invalid_json' }],
    });
    expect(report.exitCode).toBe(1);

    const connection = await connect({ servers: nats.url });
    connection.subscribe('pulled');
    const pull = JSON.stringify({ batch: 100, expires: 30_000_000_000 });
    connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`, pull, { reply: 'pulled' });
    await connection.flush();
    const refused = await runStateSync(['takeover', '--apply'], store.env);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining(`somebody reads ${durable}`)]);
    await connection.close();
  });
});
