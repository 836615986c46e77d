import { setTimeout as sleep } from 'node:timers/promises';
import { versionOf } from '../../infra/local/nats-binary.ts';
import { measureReplicas } from './cluster/replica-cost.ts';
import { checkTakeovers, measureTakeovers, takeoverDiskMegabytes } from './cluster/takeover-times.ts';
import { createRandom, type Random } from './random.ts';
import { sampleMemory } from './memory.ts';
import { reportRun, reportSoak, sayStandstills } from './report.ts';
import { runRound, type RoundResult } from './round.ts';
import { readRunOptions, type RunOptions } from './run-options.ts';
import { isNearPoint, restMs, type SoakSample } from './soak.ts';
import { startWorld, type World } from './world.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** An error with those in it, on lines of their own. */
const describe = (error: unknown): string => {
  const inner = error instanceof AggregateError ? error.errors.map((each) => `\n    ${describe(each)}`).join('') : '';
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${text}${inner}`;
};

const describeWorld = async (world: World, options: RunOptions): Promise<string> => {
  const { brokers, pair, connectors } = world;
  const version = (await versionOf(brokers.all[0]!.server.binary)).join('.');
  return [
    `${brokers.all.length === 1 ? '' : `${brokers.all.length} times `}nats-server ${version}`,
    ...(pair === undefined ? [] : [`a standby that takes over by ${pair.manager}`]),
    world.pooler === undefined ? 'no pooler' : 'PgBouncer in transaction mode',
    connectors.length === 1 ? 'one connector' : `${connectors.length} connectors`,
    `${options.faults.length} kinds of faults`,
    `gateway as of ${options.gateway}`,
    `producers ${options.isHostile ? 'hostile' : 'gentle'}`,
  ].join(', ');
};

/** What a mutation breaks is seen by then, also if it never comes to rest. */
const mutatedRecoveryMs = 60_000;

interface Progress {
  readonly results: RoundResult[];
  readonly lines: string[];
  readonly soakSamples: SoakSample[];
}

const runOne = async (
  world: World,
  options: RunOptions,
  plan: { readonly random: Random; readonly round: number; readonly leftMs: number },
  lines: string[],
): Promise<RoundResult> => {
  const { round } = plan;
  // In a cluster there are several from the start, of which one reads.
  const twoConnectors = options.topology === 'single' && !options.isSoak && round % 3 === 0;
  const result = await runRound(world, {
    random: plan.random,
    name: `s${options.seed}r${round}`,
    loadMs: Math.max(10_000, Math.min(options.roundSeconds * 1_000, plan.leftMs)),
    faults: options.faults,
    // In turn, each has the keys for itself.
    pause: options.isInTurn ? { leastMs: 8_000, mostMs: 8_000 } : { leastMs: 300, mostMs: 3_000 },
    inTurn: options.isInTurn,
    meanPauseMs: options.meanPauseMs,
    // What a connector leaves behind may come again after two ack waits only.
    recoveryMs: options.mutation === undefined ? 108_000 + world.times.ackWaitSeconds * 2_000 : mutatedRecoveryMs,
    twoConnectors,
    isHostile: options.isHostile && options.mutation?.isSeenByTime !== true,
    ...(options.mutation?.isSeenByTime === true ? { poisonShare: 0 } : {}),
    ...(options.isSoak ? { slowPoison: false } : {}),
    say: (line) => {
      lines.push(`${new Date().toISOString()} ${line}`);
      if (!line.endsWith('over')) say(`  ${line}`);
    },
  });
  const { counts, injected, missed, differences } = result;
  say(
    `round ${round}${twoConnectors ? ' (two connectors)' : ''}: ${counts['accepted']} messages, ${counts['rows']} rows, ` +
      `${injected.length} faults (${missed.length} more met nobody), at rest after ${counts['rest after (ms)']} ms, ${differences.length} differences`,
  );
  for (const { invariant, text } of differences) say(`  DIFFERENCE ${invariant}: ${text}`);
  return result;
};

/** Whether every round ended without a difference. What was seen until one breaks off is kept in `progress`. */
const runRounds = async (world: World, options: RunOptions, random: Random, progress: Progress): Promise<boolean> => {
  // From here on: on a slow machine the start takes as long as a short run.
  const beganMs = performance.now();
  const endMs = beganMs + options.minutes * 60_000;
  try {
    say(await describeWorld(world, options));
    if (options.measuresReplicas) {
      for (const { replicas, publishedPerSecond, storedPerSecond } of await measureReplicas(world, 3_000)) {
        say(`R${replicas}: ${publishedPerSecond} messages/s published, ${storedPerSecond} messages/s stored`);
      }
    }
    if (options.takeoverTurns > 0) {
      const turns = options.takeoverTurns;
      const standstills = await measureTakeovers(world, { random: random.fork(), turns, say });
      sayStandstills(standstills, say);
      const slow = checkTakeovers(standstills);
      for (const { invariant, text } of slow) say(`  DIFFERENCE ${invariant}: ${text}`);
      return slow.length === 0;
    }
    for (let round = 1; round === 1 || performance.now() < endMs; round += 1) {
      const plan = { random: random.fork(), round, leftMs: endMs - performance.now() };
      const result = await runOne(world, options, plan, progress.lines);
      progress.results.push(result);
      const atMs = performance.now() - beganMs;
      progress.soakSamples.push(...result.memory.map((sample) => ({ ...sample, atMs, isRested: false })));
      if (options.isSoak && isNearPoint(atMs, options.minutes * 60_000)) {
        await sleep(restMs);
        progress.soakSamples.push(...sampleMemory(world).map((sample) => ({ ...sample, atMs, isRested: true })));
      }
      if (result.differences.length > 0) return false;
    }
    return true;
  } catch (error) {
    // What was seen until then is worth as much as what a difference leaves.
    say(`  BROKEN OFF ${describe(error)}`);
    return false;
  }
};

const run = async (options: RunOptions): Promise<number> => {
  const { seed, mutation } = options;
  const random = createRandom(seed);
  say(`seed ${seed}: repeat with --seed ${seed}`);
  const world = await startWorld({
    random,
    topology: options.topology,
    connectors: options.connectors,
    manager: options.manager,
    diskMegabytes: options.takeoverTurns > 0 ? takeoverDiskMegabytes : undefined,
    isSynchronous: mutation?.isSynchronous ?? true,
    connectorChanges: mutation?.connectorChanges ?? [],
    natsBinary: options.natsBinary,
    pooler: options.hasPooler,
    gateway: options.gateway,
    say,
  });
  const progress: Progress = { results: [], lines: [], soakSamples: [] };
  let failed = true;
  try {
    const isKept = await runRounds(world, options, random, progress);
    const grown = options.isSoak ? reportSoak(progress.soakSamples, options.minutes, say) : [];
    for (const { invariant, text } of grown) say(`  DIFFERENCE ${invariant}: ${text}`);
    failed = !isKept || grown.length > 0;
    await reportRun(world, { seed, failed, results: progress.results, lines: progress.lines }, say);
  } finally {
    await world.stop();
  }
  if (mutation !== undefined) {
    const isRed = progress.results.some(({ differences }) =>
      differences.some(({ invariant, text }) => mutation.broken.test(`${invariant}: ${text}`)),
    );
    say(isRed ? `${mutation.name} went red, as it must` : `FAILED: ${mutation.name} did not go red as it must`);
    return isRed ? 0 : 1;
  }
  say(failed ? `FAILED with seed ${seed}` : `every promise held (seed ${seed})`);
  return failed ? 1 : 0;
};

const options = readRunOptions(process.argv.slice(2));
if (options.print !== undefined) say(options.print);
// At once: producers and watchers of a round that broke off, or a client without its server, would keep the process alive.
else process.exit(await run(options));
