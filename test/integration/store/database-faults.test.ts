import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { directMessage } from '../../support/function-suite.ts';
import { readStreamTexts } from '../../support/read-stream-texts.ts';
import { createState, readCount } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
let nats: TestNatsServer;
let client: NatsConnection;
let store: TestStore;

beforeAll(async () => {
  [database, nats] = await Promise.all([startTestDatabase(), startTestNats()]);
  client = await connect({ servers: nats.url });
  await database.pool.query(
    `create role worker login password 'worker' bypassrls in role pg_read_all_data, pg_write_all_data`,
  );
  await database.pool.query('grant usage on all sequences in schema public to worker');
  store = await startTestStore({
    natsUrl: nats.url,
    databaseUrl: database.url.replace(/\/\/[^@]+@/, '//worker:worker@'),
    // Less than what a message that is at fault needs for all its attempts in these tests.
    env: { FUNCTION_DEADLINE_MS: '1000' },
  });
  await store.startConnector();
});
afterAll(async () => {
  await store?.close();
  await client?.close();
  await Promise.all([database?.stop(), nats?.close()]);
});

/** Three attempts, each 50 ms apart at the most, have long been used up by then. */
const longMs = 4_000;

const publish = async (payload: string): Promise<void> => {
  await client.jetstream().publish('processor.state.sync', payload);
};
const deadLetters = (): Promise<readonly string[]> => readStreamTexts(client, 'state_sync_dead_letter');
const stored = async (stateId: string, count: number): Promise<void> => {
  await until(`${count} rows of ${stateId}`, async () => (await readCount(database.pool, stateId)) === count);
};

describe('a message whose database is not as it should be waits, and is stored once it is', () => {
  it('in a database that is migrated and has no state at all: the wrong one', async () => {
    const stateId = '00000000-0000-0000-0000-000000000001';
    await publish(directMessage(stateId, [{ a: 1 }]));
    await sleep(longMs);
    expect(await deadLetters()).toEqual([]);
    await database.pool.query('insert into state (id) values ($1)', [stateId]);
    await stored(stateId, 1);
  });

  it('behind row-level security', async () => {
    const { stateId } = await createState(database.pool);
    await database.pool.query('alter role worker nobypassrls');
    await database.pool.query('alter table state enable row level security');
    await publish(directMessage(stateId, [{ a: 1 }]));
    await sleep(longMs);
    expect(await deadLetters()).toEqual([]);
    expect(await readCount(database.pool, stateId)).toBe(0);
    await database.pool.query('alter role worker bypassrls');
    await stored(stateId, 1);
    await database.pool.query('alter table state disable row level security');
  });

  it('behind the lock of somebody else, while other states go on', async () => {
    const locked = await createState(database.pool);
    const free = await createState(database.pool);
    await database.pool.transaction(async (connection) => {
      await connection.query('select from state where id = $1 for update', [locked.stateId]);
      await publish(directMessage(locked.stateId, [{ a: 1 }]));
      for (let n = 1; n <= 6; n += 1) {
        await publish(directMessage(free.stateId, [{ a: n }]));
        await stored(free.stateId, n);
        await sleep(longMs / 6);
      }
      expect(await deadLetters()).toEqual([]);
    });
    await stored(locked.stateId, 1);
  });

  it('behind a server that was made read-only', async () => {
    const { stateId } = await createState(database.pool);
    await database.pool.query('alter role worker set default_transaction_read_only = on');
    await database.pool.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'worker'`);
    await publish(directMessage(stateId, [{ a: 1 }]));
    await sleep(longMs);
    expect(await deadLetters()).toEqual([]);
    await database.pool.query('alter role worker reset default_transaction_read_only');
    await stored(stateId, 1);
  });
});
