import { readdirSync, readFileSync } from 'node:fs';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { createBenchState, createDatabase, type BenchState } from './databases.ts';
import { rowMessages } from './messages.ts';
import { processorSeconds } from './processor-time.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { drainBacklog, startSystem, type System } from './system.ts';
import { naturalRows } from './words.ts';

/** Processes that this one has started and that run the bundle. */
const childrenThatRun = (bundle: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        return (
          status.includes(`\nPPid:\t${process.pid}\n`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(bundle)
        );
      } catch (error) {
        // It has ended since the folder was read.
        if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
        throw error;
      }
    });

const candidates = [
  { name: 'one connector, two functions', connectors: 1, replicas: 2 },
  { name: 'two connectors, four functions', connectors: 2, replicas: 4 },
] as const;

const spent = (system: System): number =>
  [...system.connectors, ...childrenThatRun('state-route/index.js')].reduce(
    (sum, pid) => sum + processorSeconds(pid),
    0,
  );

const runScale = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 1 : 5;
  const messages = context.short ? 200 : 4_000;
  const rows = naturalRows(context.short ? 200 : 5_000, 8, 25);
  const database = await createDatabase(context, { trigram: false });
  const times = new Map<string, number[]>(candidates.map(({ name }) => [name, []]));
  try {
    const states: BenchState[] = [];
    for (let count = 0; count < 8; count += 1) states.push(await createBenchState(database.pool));
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, connectors, replicas } of round % 2 === 0 ? candidates : candidates.toReversed()) {
        const system = await startSystem(context, { databaseUrl: database.url, connectors, replicas });
        try {
          await drainBacklog(system, rowMessages(states, rows, Math.min(messages, 2_000)));
          const before = spent(system);
          await drainBacklog(system, rowMessages(states, rows, messages));
          times.get(name)!.push(((spent(system) - before) * 1e6) / messages);
        } finally {
          await system.close();
        }
      }
      context.note(`round ${round + 1} of ${rounds}`);
    }
  } finally {
    await database.drop();
  }
  const [less, more] = candidates.map(({ name }) => times.get(name)!);
  return {
    measurements: [...times].map(([name, values]) => ({ name, unit: 'us', spread: spreadOf(values) })),
    ratios: [
      {
        name: 'processor time per message, two connectors and four functions, against one and two',
        spread: ratioSpread(more!, less!),
        required: { rule: 'at most', value: 1.1 },
      },
    ],
  };
};

/** Whether more processes cost more for each message, on eight states. */
export const scaleBench: Bench = { name: 'scale', seconds: 60, run: runScale };
