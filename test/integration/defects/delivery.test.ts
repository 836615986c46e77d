import { connect, type NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type PostgresServer } from '../../../infra/local/postgres-server.ts';
import { until } from '../../support/until.ts';
import { directMessage, routeMessage } from '../../support/function-suite.ts';
import { readStreamTexts } from '../../support/read-stream-texts.ts';
import { createState, readCount, readRows } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';

let database: TestDatabase;
let nats: TestNatsServer;
let client: NatsConnection;
let store: TestStore;
let restarted: PostgresServer | undefined;

beforeAll(async () => {
  [database, nats] = await Promise.all([startTestDatabase(), startTestNats()]);
  client = await connect({ servers: nats.url });
  store = await startTestStore({ natsUrl: nats.url, databaseUrl: database.url });
  await store.startConnector();
});

afterAll(async () => {
  await store?.close();
  await client?.close();
  await restarted?.stop();
  await Promise.all([database?.stop(), nats?.close()]);
});

const publish = async (...payloads: readonly string[]): Promise<void> => {
  for (const payload of payloads) await client.jetstream().publish('processor.state.sync', payload);
};

const waiting = async (): Promise<number> => {
  const manager = await client.jetstreamManager();
  return (await manager.streams.info('processor_state_sync')).state.messages;
};

/** Header and payload of each dead letter. */
const deadLetters = async (): Promise<readonly string[]> => readStreamTexts(client, 'state_sync_dead_letter');

describe('defects of the reference in delivery, from the stream to the tables', () => {
  it('G-1, G-3, G-26: messages without a route and bad ones are settled one by one, and the store goes on', async () => {
    const { stateId, outputRouteId } = await createState(database.pool);
    await publish(
      directMessage(stateId, [{ a: 1 }]),
      '5',
      'null',
      'not json',
      routeMessage(outputRouteId, [{ a: 2 }, {}]),
      routeMessage(outputRouteId, [{ a: 3 }]),
      directMessage(stateId, [{ a: 4 }]),
    );
    await until('all messages to be settled', async () => (await waiting()) === 0);
    expect(new Set((await readRows(database.pool, stateId)).map(({ a }) => a))).toEqual(new Set(['1', '3', '4']));
    expect(await readCount(database.pool, stateId)).toBe(3);
    expect((await deadLetters()).toSorted()).toEqual(
      ['5', 'null', 'not json', routeMessage(outputRouteId, [{ a: 2 }, {}])].toSorted(),
    );
  });

  it('G-34: a direct message that fails for good is kept with its reason', async () => {
    const { stateId } = await createState(database.pool, { properties: { persistence: { flatten: 'other' } } });
    const message = directMessage(stateId, [{ a: 1 }]);
    await publish(message);
    await until('the dead letter', async () => (await deadLetters()).includes(message));
    const manager = await client.jetstreamManager();
    const letter = await manager.streams.getMessage('state_sync_dead_letter', {
      last_by_subj: 'state_sync.dead_letter',
    });
    const headers = [...(letter.header ?? [])].map(([name, values]) => `${name}: ${values.join()}`).join('\n');
    expect(headers).toContain('invalid_properties');
    expect(headers).toContain('persistence.flatten');
  });

  it('G-34: a route message that fails for good is told to the monitor under its route', async () => {
    const { outputRouteId } = await createState(database.pool, { properties: { routing: { mode: 'other' } } });
    await publish(routeMessage(outputRouteId, [{ a: 1 }]));
    const status = `{"type": "processor_state", "route_id": "${outputRouteId}", "status": "FAILED", `;
    await until('the status', async () =>
      (await readStreamTexts(client, 'processor_monitor')).some((text) => text.startsWith(status)),
    );
  });

  it('G-2, G-22: a message is acknowledged only once it is stored: an outage of the database costs nothing', async () => {
    const { stateId } = await createState(database.pool);
    const { username: user, password, pathname } = new URL(database.url);
    const { port, dataDir } = database.server;
    await database.server.stop();
    await publish(...[1, 2, 3].map((n) => directMessage(stateId, [{ n }])));
    await until('a try that fails', () => store.logLines.some((line) => line.includes('database_unavailable')));
    expect(await waiting()).toBe(3);
    restarted = await startPostgres({
      dataDir,
      port,
      user: decodeURIComponent(user),
      password: decodeURIComponent(password),
      database: pathname.slice(1),
      args: ['-c', 'fsync=off'],
      onLog: () => undefined,
    });
    expect(restarted.port).toBe(port);
    await until('all messages to be settled', async () => (await waiting()) === 0, { timeoutMs: 60_000 });
    expect((await readRows(database.pool, stateId)).map(({ n }) => n)).toEqual(['1', '2', '3']);
    expect(await readCount(database.pool, stateId)).toBe(3);
  }, 90_000);
});
