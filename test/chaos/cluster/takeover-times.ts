import { setTimeout as sleep } from 'node:timers/promises';
import { createJetStreamPublisher } from '../../../shared/nats/jetstream-publisher.ts';
import { until } from '../../support/until.ts';
import { createStates } from '../create-states.ts';
import type { Difference } from '../difference.ts';
import { statePlans, type ChaosState } from '../history.ts';
import { insist } from '../insist.ts';
import type { Random } from '../random.ts';
import { standstillsOf, type FaultSpan, type KeptMessage, type Standstill } from '../standstill.ts';
import type { World } from '../world.ts';
import { connectorFaults } from './connector-faults.ts';

export interface TakeoverOptions {
  readonly random: Random;
  /** How often each fault comes. */
  readonly turns: number;
  readonly say: (line: string) => void;
}

const stream = 'processor_state_sync';
const subject = 'processor.state.sync';
/** So many wait whenever a fault begins, shared by so many keys. */
const waitingMessages = 10_000;
const keyCount = 20;
const portion = 500;
/** Hundreds of thousands of messages are stored meanwhile. */
export const takeoverDiskMegabytes = 3_072;
/** A connector that was killed runs again by then, and every key has moved. */
const betweenMs = 8_000;

/** The connectors' own `LEASE_MS`, and the moment in which the next one looks what is under way. */
const mostStillMs = 3_000 + 2_000;

/** Keys that stood still for longer than a lease and a moment. */
export const checkTakeovers = (standstills: readonly Standstill[]): readonly Difference[] =>
  standstills
    .filter(({ stillMs }) => stillMs > mostStillMs)
    .map(({ fault, key, stillMs }) => ({
      invariant: 'I6 bounded',
      text: `after ${fault} the key ${key} stood still for ${String(Math.round(stillMs))} ms`,
    }));

interface Load {
  readonly states: readonly ChaosState[];
  /** When each message was accepted, by its id. */
  readonly acceptedMs: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/**
 * How long each key stands still after each fault of the connector that reads, while thousands of messages wait: from the fault to the
 * key's next commit.
 */
export const measureTakeovers = async (
  world: World,
  { random, turns, say }: TakeoverOptions,
): Promise<readonly Standstill[]> => {
  const load = await startLoad(world);
  const spans: FaultSpan[] = [];
  const context = { world, random, repeatMessages: () => Promise.resolve() };
  try {
    for (let turn = 1; turn <= turns; turn += 1) {
      for (const fault of connectorFaults) {
        await sleep(betweenMs);
        await untilMoving(world, load);
        const atEpochMs = Date.now();
        const isHit = await fault.inject(context, fault.target(random));
        if (!isHit) throw new Error(`${fault.name} met nobody`);
        spans.push({ name: fault.name, atEpochMs, forMs: Date.now() - atEpochMs });
        say(`  ${fault.name}, turn ${String(turn)} of ${String(turns)}`);
      }
    }
    await sleep(betweenMs);
    await untilMoving(world, load);
  } finally {
    await load.stop();
  }
  return standstillsOf(await readKept(world, load), spans);
};

/** Publishes whenever fewer wait. */
const startLoad = async (world: World): Promise<Load> => {
  const plan = statePlans.find(({ name }) => name === 'direct-quiet')!;
  const plans = Array.from({ length: keyCount }, (_, index) => ({ ...plan, name: `takeover-${String(index)}` }));
  const states = await createStates(world.database.pool, plans);
  const acceptedMs = new Map<string, number>();
  const over = new AbortController();
  const publisher = createJetStreamPublisher(world.connection, { ackTimeoutMs: 10_000 });
  const publishing = (async () => {
    let count = 0;
    while (!over.signal.aborted) {
      if (acceptedMs.size - (await insist(() => storedOf(world, states))) > waitingMessages) {
        await sleep(50);
        continue;
      }
      const messages = Array.from({ length: portion }, () => messageOf(states[count % keyCount]!, count++));
      const outcomes = await publisher.publish(messages);
      const nowMs = Date.now();
      for (const [index, { ok }] of outcomes.entries()) if (ok) acceptedMs.set(messages[index]!.id, nowMs);
    }
  })();
  await until('messages to wait', async () => acceptedMs.size > waitingMessages, { timeoutMs: 120_000 });
  return {
    states,
    acceptedMs,
    stop: async () => {
      over.abort();
      await publishing;
      await publisher.close();
    },
  };
};

const messageOf = ({ stateId }: ChaosState, number: number) => ({
  stream,
  baseSubject: subject,
  subject,
  payload: new TextEncoder().encode(
    JSON.stringify({
      type: 'query_state_direct',
      state_id: stateId,
      query_state: [{ message: String(number), row: '0', size: '1', note: 'n' }],
    }),
  ),
  id: `takeover-${stateId}-${String(number)}`,
});

const idsOf = (states: readonly ChaosState[]): readonly string[] => states.map(({ stateId }) => stateId);

const storedOf = async ({ database }: World, states: readonly ChaosState[]): Promise<number> => {
  const text = 'select coalesce(sum(count), 0)::int as stored from state where id = any($1)';
  return (await database.pool.query<{ stored: number }>(text, [idsOf(states)]))[0]!.stored;
};

/** Until every key has had a commit since now, with enough behind it. */
const untilMoving = async (world: World, { states, acceptedMs }: Load): Promise<void> => {
  const text = 'select id, count from state where id = any($1) order by id';
  const counts = (): Promise<readonly { count: number }[]> => world.database.pool.query(text, [idsOf(states)]);
  const before = await counts();
  await until('every key to move', async () => (await counts()).every(({ count }, at) => count > before[at]!.count), {
    timeoutMs: 120_000,
  });
  const enough = waitingMessages - portion;
  await until('messages to wait', async () => acceptedMs.size - (await storedOf(world, states)) > enough, {
    timeoutMs: 120_000,
  });
};

/** What was stored of each key, with when it became visible. */
const readKept = async ({ database }: World, { states, acceptedMs }: Load) => {
  const found = await database.pool.query<{ key: string; id: string; committed: string }>(
    `select state_id as key, message_id as id, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000)::text as committed
       from state_sync.ledger where state_id = any($1)`,
    [idsOf(states)],
  );
  const kept = new Map<string, KeptMessage[]>();
  for (const { key, id, committed } of found) {
    const accepted = acceptedMs.get(id.slice(id.lastIndexOf('/') + 1));
    if (accepted === undefined) continue;
    const ofKey = kept.get(key) ?? [];
    ofKey.push({ acceptedMs: accepted, committedMs: Number(committed) });
    kept.set(key, ofKey);
  }
  return kept;
};
