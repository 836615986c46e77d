import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findNatsBinary } from '../../infra/local/nats-binary.ts';
import { createOrphanGuard, type OrphanGuard } from '../../infra/local/orphan-guard.ts';
import { startPostgres, type PostgresServer } from '../../infra/local/postgres-server.ts';
import { builtBundles } from '../support/built-bundles.ts';
import { natsCacheDir } from '../support/test-nats.ts';
import { appendBench } from './append.ts';
import type { Bench, BenchContext, Ratio } from './bench.ts';
import { byHandBench } from './by-hand.ts';
import { chooseBenches, usageOf, type Choice } from './choose.ts';
import { coldStartBench } from './cold-start.ts';
import { footprintBench } from './footprint.ts';
import { jsonBench } from './json.ts';
import { lanesBench } from './lanes.ts';
import { largeBench } from './large.ts';
import { latencyBench } from './latency.ts';
import { describeMachine } from './machine.ts';
import { manyStatesBench } from './many-states.ts';
import { manyStatesLongBench } from './many-states-long.ts';
import { memoryBench } from './memory.ts';
import { ownTimeBench } from './own-time.ts';
import { optionalIndexBench } from './optional-indexes.ts';
import { referenceBench } from './reference.ts';
import { replicaBench } from './replicas.ts';
import { createProgressLine, durationText, type ProgressLine } from './progress-line.ts';
import { measurementLines, ratioLines, verdictLine } from './report.ts';
import { scaleBench } from './scale.ts';
import { tracingBench } from './tracing.ts';
import { trigramListBench } from './trigram-list.ts';
import { wholeWayBench } from './whole-way.ts';

/** The quiet ones first: what they measure would suffer from files that later ones have just written. */
const benches: readonly Bench[] = [
  jsonBench,
  coldStartBench,
  latencyBench,
  appendBench,
  wholeWayBench,
  ownTimeBench,
  byHandBench,
  referenceBench,
  manyStatesBench,
  replicaBench,
  tracingBench,
  memoryBench,
  optionalIndexBench,
  trigramListBench,
  lanesBench,
  scaleBench,
  footprintBench,
  manyStatesLongBench,
  largeBench,
];

/** Background work of the server would fall on one candidate or another by chance. */
const serverSettings = ['autovacuum=off', 'shared_buffers=512MB', 'max_wal_size=8GB', 'checkpoint_timeout=1h'];

const runBenches = async (context: BenchContext, chosen: readonly Bench[], line: ProgressLine): Promise<void> => {
  const print = (text: string): void => {
    line.clear();
    process.stdout.write(`${text}\n`);
  };
  const machine = await describeMachine(context);
  print(
    Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join(' | '),
  );
  if (!context.short) print(planText(chosen));
  const results: Record<string, unknown> = { machine, short: context.short };
  const ratios: Ratio[] = [];
  for (const [index, { name, run }] of chosen.entries()) {
    context.signal.throwIfAborted();
    const startedMs = performance.now();
    const left = chosen.slice(index).reduce((sum, { seconds }) => sum + seconds, 0);
    const note = (text: string): void => {
      const leftSeconds = Math.max(1, left - (performance.now() - startedMs) / 1_000);
      const rest = context.short ? '' : `, about ${durationText(leftSeconds)} left`;
      line.say(`${name} (${index + 1} of ${chosen.length}): ${text}${rest}`);
    };
    note('begins');
    const result = await run({ ...context, note });
    ratios.push(...result.ratios);
    results[name] = result;
    print(`\n== ${name} (${((performance.now() - startedMs) / 1_000).toFixed(0)} s)`);
    for (const text of [...measurementLines(result.measurements), '', ...ratioLines(result.ratios)]) print(text);
    for (const { title, lines } of result.charts ?? []) print(['', title, ...lines].join('\n'));
  }
  print(`\n${JSON.stringify(results)}`);
  print(verdictLine(ratios, context.short));
};

const planText = (chosen: readonly Bench[]): string => {
  const total = chosen.reduce((sum, { seconds }) => sum + seconds, 0);
  const parts = chosen.map(({ name, seconds }) => `${name} ${durationText(seconds)}`).join(', ');
  return `about ${durationText(total)} on two quiet cores: ${parts}`;
};

/** What is to be undone at the end, whichever way it comes. */
interface Running {
  readonly stopping: AbortController;
  readonly guard: OrphanGuard;
  readonly stops: (() => Promise<void>)[];
}

const stopAll = async ({ stops }: Running): Promise<void> => {
  for (const stop of stops.splice(0).toReversed()) await stop();
};

/** Ends the run at once: the parts of a system are killed, the database is shut down, the files are removed. */
const stopOn = (running: Running, line: ProgressLine): void => {
  const stop = async (name: NodeJS.Signals): Promise<void> => {
    if (running.stopping.signal.aborted) return;
    running.stopping.abort(new Error(`stopped by ${name}`));
    line.clear();
    process.stderr.write(`stopping (${name}) ...\n`);
    running.guard.killAll();
    await stopAll(running);
    process.stderr.write('stopped; no process is left\n');
    process.exit(128 + constants.signals[name]);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => void stop(name));
  process.on('exit', running.guard.killAll);
};

/** What a run is asked for; undefined if it was told why that cannot be, or how to ask. */
const readChoice = (): (Choice & { readonly short: boolean }) | undefined => {
  try {
    const { values } = parseArgs({
      options: {
        short: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        help: { type: 'boolean', default: false },
      },
    });
    if (!values.help) return { ...chooseBenches(benches, values.only), short: values.short };
    process.stdout.write(usageOf(benches));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usageOf(benches)}`);
    process.exitCode = 2;
  }
  return undefined;
};

const main = async (): Promise<void> => {
  const choice = readChoice();
  if (choice === undefined) return;
  const { chosen, skipped, short } = choice;
  for (const { name, why } of skipped) process.stdout.write(`skipped: ${name}, because ${why}\n`);
  if (chosen.length === 0) return;
  const output = { isTerminal: process.stderr.isTTY, write: (text: string) => void process.stderr.write(text) };
  const line = createProgressLine(output, () => performance.now());
  const running: Running = { stopping: new AbortController(), guard: createOrphanGuard(), stops: [] };
  const { stops, guard, stopping } = running;
  stopOn(running, line);
  try {
    // Not the user's temporary folder: the database's own user must be able to enter it.
    const folder = await mkdtemp('/var/tmp/state-sync-bench-');
    stops.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    await chmod(folder, 0o755);
    line.say('starts PostgreSQL, builds the bundles');
    let servers = 0;
    const startServer = async (settings: readonly string[]): Promise<PostgresServer> => {
      const server = await startPostgres({
        dataDir: join(folder, `postgres-${++servers}`),
        user: 'bench',
        password: 'bench',
        database: 'bench',
        args: settings.flatMap((setting) => ['-c', setting]),
        onLog: () => undefined,
      });
      stops.push(server.stop);
      return server;
    };
    const postgres = await startServer(serverSettings);
    const natsBinary = await findNatsBinary({ cacheDir: natsCacheDir, progress: line.say });
    const distDir = join(folder, 'dist');
    // A copy: what is measured stays what it was, whoever builds meanwhile.
    await cp(await builtBundles(), distDir, { recursive: true });
    const onLine = (text: string): void => {
      line.clear();
      process.stderr.write(`${text}\n`);
    };
    const context = { short, postgres, startServer, natsBinary, distDir, folder, onLine, note: line.say };
    await runBenches({ ...context, processes: guard, signal: stopping.signal }, chosen, line);
  } catch (error) {
    // What was killed fails in its own ways; whoever killed it ends the process.
    if (stopping.signal.aborted) return;
    throw error;
  } finally {
    if (!stopping.signal.aborted) await stopAll(running);
    guard.close();
  }
};

await main();
