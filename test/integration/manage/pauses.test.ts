import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector } from '../../../infra/connector/create-connector.ts';
import { connectNats, type NatsConnection } from '../../../shared/nats/connect.ts';
import { createJetStreamPublisher } from '../../../shared/nats/jetstream-publisher.ts';
import { openPauses, readPauses } from '../../../shared/nats/pause-bucket.ts';
import type { StoreStatus } from '../../../shared/operate/commands/status.ts';
import { runStateSync } from '../../support/run-state-sync.ts';
import { createState, readRows } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { startTestStore, type TestStore } from '../../support/test-store.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
let server: TestNatsServer;
let connection: NatsConnection;
let store: TestStore;
let connector: Connector;
let published = 0;
/** How far the time of the store and of the command line is ahead of the machine's. */
let aheadMs = 0;
const nowMs = (): number => Date.now() + aheadMs;

const run = (...args: readonly string[]) => runStateSync(args, store.env, { nowMs });
const ok = async (...args: readonly string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await run(...args);
  expect({ args, exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ args, exitCode: 0, stderr: '' });
  return stdout;
};

const publish = async (fields: Readonly<Record<string, unknown>>, n: number): Promise<void> => {
  const publisher = createJetStreamPublisher(connection);
  published += 1;
  const [outcome] = await publisher.publish([
    {
      stream: 'processor_state_sync',
      baseSubject: 'processor.state.sync',
      subject: 'processor.state.sync',
      payload: Buffer.from(JSON.stringify({ ...fields, query_state: [{ n }] })),
      id: `pause-${published}`,
    },
  ]);
  await publisher.close();
  expect(outcome).toMatchObject({ ok: true });
};
const direct = (stateId: string, n: number): Promise<void> =>
  publish({ type: 'query_state_direct', state_id: stateId }, n);

const rowsOf = async (stateId: string): Promise<readonly (string | null | undefined)[]> =>
  (await readRows(database.pool, stateId)).map(({ n }) => n);

const heard = (what: string, isPaused: boolean): Promise<void> =>
  until(`the connector to hear that ${what} is ${isPaused ? 'paused' : 'resumed'}`, () =>
    store.logLines.some((line) => line.includes('"pauses_changed"') && line.includes(what) === isPaused),
  );

beforeAll(async () => {
  [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
  connection = await connectNats({ url: server.url, name: 'test' });
  store = await startTestStore({ natsUrl: server.url, databaseUrl: database.url, nowMs });
  connector = await store.startConnector();
});

afterAll(async () => {
  await store?.close();
  await connection?.close();
  await Promise.all([server?.close(), database?.stop()]);
});

/** Pauses, waits until the connector has heard of it, and forgets what it said before. */
const pauseAndWait = async (...args: readonly string[]): Promise<void> => {
  store.clearLog();
  await ok('pause', ...args);
  await heard(args[1] ?? '', true);
};

describe('a paused state', () => {
  it('gets no rows, by its own messages or its processors’, while others do; then all, in order', async () => {
    const [held, other] = [await createState(database.pool), await createState(database.pool)];
    await pauseAndWait('state', held.stateId);
    for (const n of [1, 2]) await direct(held.stateId, n);
    await publish({ type: 'query_state_route', route_id: held.outputRouteId }, 3);
    await direct(other.stateId, 1);
    await until('the other state has its row', async () => (await rowsOf(other.stateId)).length === 1);
    expect(await rowsOf(held.stateId)).toEqual([]);
    await ok('resume', 'state', held.stateId.slice(0, 20));
    await until('all rows are there', async () => (await rowsOf(held.stateId)).length === 3);
    const rows = await rowsOf(held.stateId);
    expect(rows.indexOf('1')).toBeLessThan(rows.indexOf('2'));
  });

  it('stays paused when the connector starts anew, and goes on by itself when its time is over', async () => {
    const { stateId } = await createState(database.pool);
    const since = nowMs();
    await pauseAndWait('state', stateId, '--minutes', '1');
    await direct(stateId, 1);
    await connector.stop(500);
    // Most of the minute passes while no connector runs.
    aheadMs += 45_000;
    connector = await store.startConnector();
    const other = await createState(database.pool);
    await direct(other.stateId, 1);
    await until('the other state has its row', async () => (await rowsOf(other.stateId)).length === 1);
    expect(await rowsOf(stateId)).toEqual([]);
    const [pause] = await readPauses(connection);
    expect(pause).toMatchObject({ kind: 'state', id: stateId });
    expect(pause?.untilMs).toBeGreaterThanOrEqual(since + 60_000);
    await until('its minute is over', async () => (await rowsOf(stateId)).length === 1, { timeoutMs: 100_000 });
    expect(await ok('pauses')).toContain('nothing is paused');
  }, 150_000);
});

/** A line of the log that has all of these texts. */
const isLogged = (...texts: readonly string[]): boolean =>
  store.logLines.some((line) => texts.every((text) => line.includes(text)));

describe('a pause and the lease of a durable', () => {
  const durable = 'processor_state_sync_sub_1';

  it('holds for the connector that gains the lease after it was set, until it is resumed there', async () => {
    const [held, other] = [await createState(database.pool), await createState(database.pool)];
    store.clearLog();
    const second = await store.startConnector();
    await until('the second connector reads', () => isLogged('"lease_taken"', durable));
    await pauseAndWait('state', held.stateId);
    await direct(held.stateId, 1);
    store.clearLog();
    await second.stop(500);
    await until('the first connector reads again', () => isLogged('"lease_taken"', durable));
    await direct(held.stateId, 2);
    await direct(other.stateId, 1);
    await until('the other state has its row', async () => (await rowsOf(other.stateId)).length === 1);
    expect(await rowsOf(held.stateId)).toEqual([]);
    await ok('resume', 'state', held.stateId);
    await until('both rows are there', async () => (await rowsOf(held.stateId)).length === 2);
    expect(await rowsOf(held.stateId)).toEqual(['1', '2']);
  });
});

describe('a route that comes to a paused state', () => {
  it('waits with it, as soon as the connector has had the pause renewed; a resume is not undone by that', async () => {
    const [held, other] = [await createState(database.pool), await createState(database.pool)];
    await pauseAndWait('state', held.stateId);
    const keysBefore = (await readPauses(connection)).find(({ id }) => id === held.stateId)?.keys.length ?? 0;
    await database.pool.query(
      `insert into processor_state (id, processor_id, state_id, direction, status)
         select 'later', processor_id, $2, direction, status from processor_state where id = $1`,
      [other.outputRouteId, held.stateId],
    );
    const holds = async (): Promise<boolean> =>
      (await readPauses(connection)).some(({ keys }) => keys.includes('route_id=later'));
    await until('the pause holds the route too', holds, { timeoutMs: 30_000 });
    await until('the connector has heard of it', () =>
      isLogged('"pauses_changed"', held.stateId, `"keys":${keysBefore + 1}`),
    );
    await publish({ type: 'query_state_route', route_id: 'later' }, 1);
    await publish({ type: 'query_state_route', route_id: other.outputRouteId }, 2);
    await until('the other state has its row', async () => (await rowsOf(other.stateId)).length === 1);
    expect(await rowsOf(held.stateId)).toEqual([]);

    const before = (await readPauses(connection)).find(({ id }) => id === held.stateId);
    await ok('resume', 'state', held.stateId);
    await until('the row is there', async () => (await rowsOf(held.stateId)).length === 1);
    const bucket = await openPauses(connection);
    expect(await bucket.renew(before!, ['state_id=other'])).toBe(false);
    expect((await readPauses(connection)).map(({ id }) => id)).not.toContain(held.stateId);
  });
});

describe('a paused function', () => {
  it('gets no request while another function of the durable works', async () => {
    const state = await createState(database.pool);
    await pauseAndWait('function', 'state-route');
    await publish({ type: 'query_state_route', route_id: state.outputRouteId }, 1);
    await direct(state.stateId, 2);
    await until('the direct row is there', async () => (await rowsOf(state.stateId)).length === 1);
    expect(await rowsOf(state.stateId)).toEqual(['2']);
    await ok('resume', 'function', 'state-route');
    await until('both are there', async () => (await rowsOf(state.stateId)).length === 2);
  });
});

describe('a paused durable', () => {
  it('is not stored from, is said by health without an alarm, and is in the audit log', async () => {
    const { stateId } = await createState(database.pool);
    await pauseAndWait('durable', 'processor_state_sync_sub_1');
    await direct(stateId, 1);
    const { health } = JSON.parse(await ok('status', '--json')) as StoreStatus;
    expect(health.level).toBe('good');
    expect(health.headline).toBe('Healthy, 1 paused');
    expect(
      health.states
        .filter(({ code }) => code === 'paused')
        .map(({ part }) => part)
        .toSorted(),
    ).toEqual(['durable', 'pause']);
    expect(await ok('status')).toContain('durable processor_state_sync_sub_1 is paused');
    expect(await rowsOf(stateId)).toEqual([]);
    await ok('resume', 'durable', 'processor_state_sync_sub_1');
    await until('the row is there', async () => (await rowsOf(stateId)).length === 1);
    const audit = await ok('audit', '--json');
    expect(audit).toContain('"action":"resume"');
  });
});

describe('what cannot be paused', () => {
  it.each([
    [['pause', 'function', 'nobody'], 1, 'nobody is no function: there is state-direct, state-route, state-entry'],
    [['pause', 'state', 'nobody'], 1, 'there is no state'],
    [['pause', 'route', 'nobody'], 1, 'there is no route nobody'],
    [['resume', 'route', 'nobody'], 1, 'is not paused'],
    [['pause', 'planet', 'earth'], 2, 'durable, function, state, route'],
  ] as const)('%j is told', async (args, exitCode, reason) => {
    const refused = await run(...args);
    expect(refused.exitCode).toBe(exitCode);
    expect(refused.stderr).toContain(reason);
  });
});
