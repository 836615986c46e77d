import { setTimeout as sleep } from 'node:timers/promises';
import { findStream } from '../../shared/nats/ensure-stream.ts';
import { createJetStreamPublisher } from '../../shared/nats/jetstream-publisher.ts';
import { defaultDeadLetter } from '../../shared/routing/default-triggers.ts';
import { check, identityOf } from './check.ts';
import { createStates, processors } from './create-states.ts';
import type { Difference } from './difference.ts';
import { startDownstream, type Downstream, type Received } from './downstream.ts';
import { runFaults, type FaultPlan, type InjectedFault } from './run-faults.ts';
import { createHistory, statePlans, type HistoryMessage, type StatePlan } from './history.ts';
import { insist } from './insist.ts';
import { checkKills, checkLoops, checkWaits, longestWaits, type Wait } from './check-processes.ts';
import { takeLoopBlocks } from './loop-watch.ts';
import { maxMegabytes, sampleMemory, type MemorySample } from './memory.ts';
import { readLetters, readState, type StoredState } from './observe.ts';
import { createHistoryPublisher, createPublishLog, produce } from './publish-history.ts';
import type { Random } from './random.ts';
import { streamsWithout } from './prepare-streams.ts';
import { awaitRest, describeBacklog, findUnhandled } from './rest.ts';
import { findDoubledByServers } from './server-faults.ts';
import { standstillsOf, type KeptMessage, type Standstill } from './standstill.ts';
import { watchAcks } from './watch-acks.ts';
import { watchSnapshots } from './watch-snapshots.ts';
import type { World } from './world.ts';

export interface RoundOptions extends FaultPlan {
  readonly random: Random;
  /** Makes message ids unique over the rounds of a world. */
  readonly name: string;
  /** How long messages are published (milliseconds); faults in turn end it sooner. */
  readonly loadMs: number;
  /** Two connectors at once: they share the durables. */
  readonly twoConnectors: boolean;
  readonly plans?: readonly StatePlan[];
  readonly meanPauseMs?: number;
  readonly poisonShare?: number;
  /** Whether the kinds of poison that take seconds are among them; if absent, in rounds of more than 20 s. */
  readonly slowPoison?: boolean;
  /** Whether producers mean harm: see `hostile.ts`. */
  readonly isHostile?: boolean;
  /** How long the store may take to be done when all faults are over (I6). */
  readonly recoveryMs?: number;
  readonly say: (line: string) => void;
}

export interface RoundResult {
  readonly differences: readonly Difference[];
  /** When each delivery was stored, and where: what one needs to find out how a difference came to be. */
  readonly timeline: readonly string[];
  readonly injected: readonly InjectedFault[];
  /** Faults that met nobody. */
  readonly missed: readonly InjectedFault[];
  readonly counts: Readonly<Record<string, number>>;
  /** How long each key stood still because of each fault. */
  readonly standstills: readonly Standstill[];
  /** When all was at rest. */
  readonly memory: readonly MemorySample[];
}

const lastSequence = async (world: World, stream: string): Promise<number> =>
  (await findStream(world.connection, stream))?.state.last_seq ?? 0;

/** A request that a freshly healed world must answer first: the suite's own connections come back too. */
const untilReachable = async (world: World): Promise<void> => {
  for (let tries = 0; ; tries += 1) {
    try {
      await world.database.pool.query('select 1');
      await world.connection.flush();
      return;
    } catch (error) {
      if (tries > 100) throw error;
      await sleep(100);
    }
  }
};

/**
 * One round. It makes new states and publishes a history while faults are injected. Then every fault is mended, the
 * backlog is worked off, and everything is read back and compared with what was published.
 */
export const runRound = async (world: World, options: RoundOptions): Promise<RoundResult> => {
  const { random, name, say, recoveryMs = 120_000 } = options;
  const states = await createStates(world.database.pool, options.plans ?? statePlans);
  const lettersBefore = await lastSequence(world, defaultDeadLetter.stream);
  const killsBefore = world.memoryKills();
  await takeLoopBlocks(world.folder);
  const log = createPublishLog();
  const publisher = createJetStreamPublisher(world.connection, { ackTimeoutMs: 2_000 });
  const history = createHistoryPublisher(world.connection, publisher, log);
  const acks = watchAcks(world.connection);
  const snapshots = watchSnapshots(world.database.pool, states, 100);
  const downstream = await Promise.all(
    processors.map(({ stream }, index) => startDownstream(world.connection, { stream, removes: index !== 0 })),
  );
  const second = options.twoConnectors ? await world.startConnector() : undefined;

  let isOver = false;
  const producers = states.map((state) => {
    const own = random.fork();
    return produce({
      publisher: history,
      next: createHistory({
        random: own,
        state,
        prefix: name,
        poisonShare: options.poisonShare ?? 0.02,
        slowPoison: options.slowPoison ?? options.loadMs > 20_000,
        isHostile: options.isHostile ?? false,
      }),
      log,
      random: own,
      meanPauseMs: options.meanPauseMs ?? 120,
      repeatShare: 0.05,
      isOver: () => isOver,
    });
  });
  // Faults that meet nobody prove nothing: first every part has started.
  for (let waitedMs = 0; acks.answers.length < states.length && waitedMs < 15_000; waitedMs += 50) await sleep(50);
  const faultRun = runFaults(
    {
      world,
      random: random.fork(),
      repeatMessages: async (count) => {
        const good = log.accepted
          .filter(({ poison, state }) => poison === undefined && state.nameless !== true)
          .slice(-count);
        for (const message of good) await history.repeat(message);
      },
    },
    options,
    say,
  );
  await Promise.race([sleep(options.loadMs), faultRun.finished]);
  const unmended = await faultRun.stop();
  world.heal();
  isOver = true;
  await Promise.all(producers);
  await untilReachable(world);

  const accepted = log.accepted.filter(({ unsure }) => unsure !== true).length;
  const expected = downstream.map((_, index) =>
    log.accepted.reduce((sum, { state, rows, poison, unsure }) => {
      if (
        poison !== undefined ||
        unsure === true ||
        state.dispatch === null ||
        state.inputRouteIds[index] === undefined
      )
        return sum;
      return sum + (state.dispatch === 'batch' ? 1 : rows.length);
    }, 0),
  );
  /** What came of this round: a work queue may repeat, and what the round before it left may come late. */
  const ofRound = (received: Downstream['received']): readonly Received[] =>
    [...received.values()].filter(
      ({ id, rows }) => id.includes(`/${name}-`) || rows[0]?.message.startsWith(`${name}-`) === true,
    );
  const restMs = await awaitRest(world, recoveryMs, () => {
    const ids = downstream.map(({ received }) => new Set(ofRound(received).map(({ id }) => id)).size);
    return {
      received: ids.reduce((sum, count) => sum + count, 0),
      isComplete: ids.every((count, index) => count >= expected[index]!),
    };
  });
  // What comes twice comes late.
  await sleep(300);
  const memory = sampleMemory(world);
  const blocks = await takeLoopBlocks(world.folder);
  const mostMemory = (kind: MemorySample['kind']): number =>
    Math.max(0, ...memory.filter((sample) => sample.kind === kind).map(({ megabytes }) => megabytes));
  if (second !== undefined) {
    await second.stop(5_000);
    world.connectors.splice(world.connectors.indexOf(second), 1);
  }
  await snapshots.stop();
  acks.stop();
  await Promise.all(downstream.map(({ stop }) => stop()));
  await publisher.close();

  const stored = new Map<string, StoredState>();
  for (const state of states) stored.set(state.stateId, await insist(() => readState(world.database.pool, state)));
  const letters = await insist(() => readLetters(world.connection, defaultDeadLetter.stream, lettersBefore));
  const differences = [
    ...snapshots.differences.slice(0, 12),
    ...check(
      {
        states,
        accepted: log.accepted,
        idBySequence: log.idBySequence,
        brokerRestarted: faultRun.brokerRestarts > 0,
      },
      {
        stored,
        letters,
        answers: acks.answers,
        bareNaks: acks.bareNaks,
        mostDeliveries: acks.mostDeliveries,
        received: downstream.map(({ stream, received }, index) => ({
          stream,
          keepsIds: index === 0,
          messages: ofRound(received),
        })),
      },
    ),
  ];
  const left = restMs === undefined ? { kept: 0, unhandled: [] } : await insist(() => findUnhandled(world));
  for (const identity of left.unhandled.slice(0, 12)) {
    differences.push({ invariant: 'I1 no loss', text: `${identity} stays in its stream, and nobody will read it` });
  }
  for (const { kind, megabytes } of memory) {
    if (megabytes <= maxMegabytes) continue;
    differences.push({ invariant: 'I6 bounded', text: `a ${kind} has ${megabytes} MB` });
  }
  const waits = waitsOf(log.acceptedMs, stored);
  differences.push(...checkWaits(waits, faultRun.injected, aftermathMs(world)));
  differences.push(...checkLoops(blocks), ...checkKills(world.memoryKills() - killsBefore));
  for (const text of await insist(() => streamsWithout(world.connection, world.brokers.all.length))) {
    differences.push({ invariant: 'suite', text });
  }
  // A watcher that saw nothing says nothing.
  if (snapshots.snapshots === 0) differences.push({ invariant: 'suite', text: 'no snapshot could be taken' });
  if (acks.answers.length === 0) differences.push({ invariant: 'suite', text: 'no ack was seen' });
  for (const text of unmended) differences.push({ invariant: 'suite', text: `not injected or not mended: ${text}` });
  for (const refused of log.refused) {
    differences.push({ invariant: 'I6 bounded', text: `no server confirmed ${refused}` });
  }
  if (restMs === undefined) {
    const text = `not at rest ${recoveryMs} ms after the last fault: ${await describeBacklog(world)}`;
    differences.push({ invariant: 'I6 bounded', text });
  }
  if (differences.length > 0) {
    const reassigned = log.reassigned.map((text) => `confirmed ${text}`);
    const doubled = findDoubledByServers(stored);
    const texts = [...reassigned.slice(0, 5), ...doubled.slice(0, 5)];
    differences.unshift(...texts.map((text): Difference => ({ invariant: 'NATS', text })));
  }
  const sequencesById = new Map<string, number[]>();
  for (const [sequence, id] of log.idBySequence) {
    const known = sequencesById.get(id);
    if (known === undefined) sequencesById.set(id, [sequence]);
    else known.push(sequence);
  }
  const timeline = (): string[] =>
    states.flatMap((state) => [
      `${state.name} ${state.stateId} ${state.outputRouteId}`,
      ...stored.get(state.stateId)!.ledger.map(({ id, start, rows, committedMs }) => {
        const sequences = sequencesById.get(id.slice(id.indexOf('/') + 1)) ?? [];
        return `  ${new Date(committedMs).toISOString()} ${id} rows ${start}+${rows} stream ${sequences.join(' ')}`;
      }),
    ]);
  const queued = ofRound(downstream[1]!.received);
  return {
    differences,
    timeline: differences.length === 0 ? [] : timeline(),
    injected: faultRun.injected,
    missed: faultRun.missed,
    memory,
    standstills: standstillsOf(keptByKey(log.accepted, log.acceptedMs, stored), faultRun.injected),
    counts: {
      accepted,
      rows: log.accepted.reduce((sum, { rows }) => sum + rows.length, 0),
      poison: log.accepted.filter(({ poison }) => poison !== undefined).length,
      repeats: log.repeats,
      'repeats taken as new': log.repeatsTaken,
      'publishes without answer': log.uncertain,
      forwards: downstream.reduce((sum, { received }) => sum + ofRound(received).length, 0),
      'forwards repeated on the work queue': queued.length - new Set(queued.map(({ id }) => id)).size,
      'dead letters': letters.length,
      acks: acks.answers.filter(({ kind }) => kind === 'ack').length,
      naks: acks.naks,
      'most deliveries of one message': acks.mostDeliveries,
      'most memory of a connector (MB)': mostMemory('connector'),
      'most memory of a function (MB)': mostMemory('function'),
      snapshots: snapshots.snapshots,
      'most time of one turn of a loop (ms)': Math.round(Math.max(0, ...blocks.map(({ blockedMs }) => blockedMs))),
      'most wait of 99 % (ms)': longestWaits(waits).p99Ms,
      'most wait of a message (ms)': longestWaits(waits).mostMs,
      'killed for want of memory': world.memoryKills() - killsBefore,
      'settled messages that the server kept': left.kept,
      'answers cut': Object.values(world.links).reduce((sum, { cuts }) => sum + cuts, 0),
      'connector starts': world.connectors.reduce((sum, { starts }) => sum + starts, 0),
      'rest after (ms)': restMs ?? -1,
    },
  };
};

/** Two ack waits, and the time in which a killer is found by trying. */
const aftermathMs = ({ times }: World): number => times.ackWaitSeconds * 2_000 + 30_000;

/** What was stored of each key: the states of a round have one each, but for those that two functions write to. */
const keptByKey = (
  accepted: readonly HistoryMessage[],
  acceptedMs: ReadonlyMap<string, number>,
  stored: ReadonlyMap<string, StoredState>,
): ReadonlyMap<string, readonly KeptMessage[]> => {
  const waits = new Map(waitsOf(acceptedMs, stored).map((wait) => [wait.id, wait]));
  const kept = new Map<string, KeptMessage[]>();
  for (const { id, state } of accepted) {
    const wait = waits.get(id);
    if (wait === undefined) continue;
    const ofKey = kept.get(state.name);
    if (ofKey === undefined) kept.set(state.name, [wait]);
    else ofKey.push(wait);
  }
  return kept;
};

const waitsOf = (
  acceptedMs: ReadonlyMap<string, number>,
  stored: ReadonlyMap<string, StoredState>,
): readonly Wait[] => {
  const committedMs = new Map<string, number>();
  for (const { ledger } of stored.values()) for (const row of ledger) committedMs.set(row.id, row.committedMs);
  return [...acceptedMs].flatMap(([id, atMs]) => {
    const found = committedMs.get(identityOf(id));
    return found === undefined ? [] : [{ id, acceptedMs: atMs, committedMs: found }];
  });
};
