import { connect, type NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../shared/json/json-value.ts';
import { readState } from '../../../shared/metadata/read-metadata.ts';
import { keyValues, stateKey } from '../../../shared/state/state-key.ts';
import {
  hasReferenceStorage,
  skipReason,
  startReference,
  type ReferenceProcess,
} from '../../support/reference-process.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState, readRows, type StateFixtureOptions } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';

const stream = 'processor_state_sync';
const subject = 'processor.state.sync';
const durable = `${stream}_sub_1`;

/** An entry with everything that two writers could spell in two ways. */
const entryOf = (n: number): string =>
  `{"zone":"z${n}","area":${n},"third":${n / 3},"whole":${n}.0,"large":1e16,"flag":true,"none":null,` +
  `"list":[${n},{"x":[1,2]}],"object":{"a":1.0,"b":[],"C d":"ü"},"Odd Name!":"v ${n}"}`;

const shapes: readonly (readonly [name: string, state: StateFixtureOptions])[] = [
  [
    'dot notation, a composite key, a constant and the time',
    {
      primaryKey: ['zone', 'area'],
      columns: [
        { name: 'source', value: 'import' },
        { name: 'at', value: 'now()', callable: true },
      ],
    },
  ],
  [
    'json columns',
    {
      primaryKey: ['zone', 'area'],
      properties: { persistence: { flatten: 'none' } },
      columns: [
        { name: 'object', dataType: 'json' },
        { name: 'list', dataType: 'json' },
      ],
    },
  ],
  ['JSON as text', { properties: { persistence: { flatten: 'json_string' } } }],
  ['whole entries as text', { properties: { persistence: { mode: 'clob' } } }],
  ['a row for each item of a list', { properties: { persistence: { mode: 'individual_rows' } } }],
];

const missing = !hasReferenceStorage();
if (missing) console.warn(`skipped: ${skipReason}`);

describe.skipIf(missing)(`what the reference stored is recognised (${missing ? skipReason : 'compared'})`, () => {
  let database: TestDatabase;
  let nats: TestNatsServer;
  let store: TestStore;
  let reference: ReferenceProcess;
  let client: NatsConnection;

  beforeAll(async () => {
    [database, nats] = await Promise.all([startTestDatabase(), startTestNats()]);
    store = await startTestStore({ natsUrl: nats.url, databaseUrl: database.url });
    reference = startReference();
    client = await connect({ servers: nats.url });
    const manager = await client.jetstreamManager();
    const subjects = [subject, `${subject}.>`];
    await manager.streams.add({ name: stream, subjects, retention: 'workqueue' as never });
    await manager.consumers.add(stream, { durable_name: durable, ack_policy: 'explicit' as never });
  });
  afterAll(async () => {
    await Promise.all([client?.close(), reference?.close(), store?.close()]);
    await Promise.all([database?.stop(), nats?.close()]);
  });

  it.each(shapes)('%s: 20 of 50', { timeout: 60_000 }, async (_, options) => {
    const { stateId } = await createState(database.pool, options);
    for (let n = 1; n <= 20; n += 1) {
      const { error } = await reference.ask({
        operation: 'append',
        database_url: database.url,
        state_id: stateId,
        entries: [entryOf(n)],
      });
      expect(error).toBeUndefined();
    }
    for (let n = 1; n <= 50; n += 1) {
      const text = `{"type":"query_state_direct","state_id":"${stateId}","query_state":[${entryOf(n)}]}`;
      await client.jetstream().publish(subject, text);
    }
    const consumer = await client.jetstream().consumers.get(stream, durable);
    let received = 0;
    for await (const _message of await consumer.fetch({ max_messages: 50, expires: 5_000 })) received += 1;
    expect(received).toBe(50);
    const run = await runStateSync(['takeover', '--json'], store.env);
    const { states } = run.json() as { states: readonly { readonly stateId: string }[] };
    expect(states.find((state) => state.stateId === stateId)).toMatchObject({
      stored: 20,
      notStored: 30,
      ambiguous: [],
    });
  });

  it('doctor names the order of its composite keys, and in that order ours are the same', async () => {
    const { stateId } = await createState(database.pool, { primaryKey: ['zone', 'area'] });
    const append = { operation: 'append', database_url: database.url, state_id: stateId, entries: [entryOf(1)] };
    expect(await reference.ask(append)).toEqual({});
    const run = await runStateSync(['doctor', '--json'], store.env);
    const { findings } = run.json() as { findings: readonly { readonly code: string; readonly fix?: string }[] };
    const order =
      findings.find(({ code }) => code === 'key_order_differs')?.fix?.includes('=name') === true ? 'name' : 'id';
    const model = await readState(database.pool, stateId, order);
    const row = new Map<string, JsonValue>([
      ['zone', 'z1'],
      ['area', 1],
    ]);
    const [stored] = await readRows(database.pool, stateId);
    expect(stored?.['state_key']).toBe(stateKey(keyValues(row, model!.primaryKey)));
  });
});
