import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findNatsBinary } from '../../infra/local/nats-binary.ts';
import { startPostgres } from '../../infra/local/postgres-server.ts';
import { buildBundles } from '../../infra/image/build.ts';
import { natsCacheDir } from '../support/test-nats.ts';
import { appendBench } from './append.ts';
import type { Bench, BenchContext, Ratio } from './bench.ts';
import { coldStartBench } from './cold-start.ts';
import { jsonBench } from './json.ts';
import { latencyBench } from './latency.ts';
import { describeMachine } from './machine.ts';
import { memoryBench } from './memory.ts';
import { optionalIndexBench } from './optional-indexes.ts';
import { replicaBench } from './replicas.ts';
import { measurementLines, ratioLines, verdictLine } from './report.ts';
import { tracingBench } from './tracing.ts';
import { wholeWayBench } from './whole-way.ts';

/** The quiet ones first: what they measure would suffer from files that later ones have just written. */
const benches: readonly Bench[] = [
  jsonBench,
  coldStartBench,
  latencyBench,
  appendBench,
  wholeWayBench,
  replicaBench,
  tracingBench,
  memoryBench,
  optionalIndexBench,
];

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Background work of the server would fall on one candidate or another by chance. */
const serverSettings = ['autovacuum=off', 'shared_buffers=512MB', 'max_wal_size=8GB', 'checkpoint_timeout=1h'];

const runBenches = async (context: BenchContext, chosen: readonly Bench[]): Promise<void> => {
  const machine = await describeMachine(context);
  print(
    Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join(' | '),
  );
  const results: Record<string, unknown> = { machine, short: context.short };
  const ratios: Ratio[] = [];
  for (const { name, run } of chosen) {
    const startedMs = performance.now();
    const result = await run(context);
    ratios.push(...result.ratios);
    results[name] = result;
    print(`\n== ${name} (${((performance.now() - startedMs) / 1_000).toFixed(0)} s)`);
    for (const line of [...measurementLines(result.measurements), '', ...ratioLines(result.ratios)]) print(line);
  }
  print(`\n${JSON.stringify(results)}`);
  print(verdictLine(ratios, context.short));
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { short: { type: 'boolean', default: false }, only: { type: 'string', multiple: true } },
  });
  const chosen = benches.filter(({ name }) => values.only?.includes(name) ?? true);
  const names = benches.map(({ name }) => name).join(', ');
  if (chosen.length < (values.only?.length ?? 1)) throw new Error(`--only takes one of: ${names}`);
  const note = (line: string): void => void process.stderr.write(`${line}\n`);
  // Not the user's temporary folder: the database's own user must be able to enter it.
  const folder = await mkdtemp('/var/tmp/state-sync-bench-');
  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })];
  try {
    await chmod(folder, 0o755);
    const postgres = await startPostgres({
      dataDir: join(folder, 'postgres'),
      user: 'bench',
      password: 'bench',
      database: 'bench',
      args: serverSettings.flatMap((setting) => ['-c', setting]),
      onLog: () => undefined,
    });
    stops.push(postgres.stop);
    const natsBinary = await findNatsBinary({ cacheDir: natsCacheDir, progress: note });
    const distDir = join(folder, 'dist');
    await buildBundles({ outDir: distDir });
    await runBenches({ short: values.short, postgres, natsBinary, distDir, folder, note }, chosen);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
};

await main();
