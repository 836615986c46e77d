import { randomBytes } from 'node:crypto';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { createBenchState, createDatabase } from './databases.ts';
import { rowMessages } from './messages.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { drainBacklog, startSystem, type BenchMessage } from './system.ts';
import { naturalRows } from './words.ts';

const traced = (message: BenchMessage, sampled: boolean): BenchMessage => ({
  ...message,
  headers: {
    traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-${sampled ? '01' : '00'}`,
  },
});

const candidates = [
  { name: 'tracing off', tracing: false, mark: (message: BenchMessage) => message },
  {
    name: 'tracing, 10 % sampled',
    tracing: true,
    mark: (message: BenchMessage, index: number) => traced(message, index % 10 === 0),
  },
  { name: 'tracing, everything sampled', tracing: true, mark: (message: BenchMessage) => traced(message, true) },
] as const;

const runTracing = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 1 : 7;
  const count = context.short ? 200 : 4_000;
  const rows = naturalRows(context.short ? 200 : 5_000, 8, 7);
  const database = await createDatabase(context);
  const rates = new Map<string, number[]>(candidates.map(({ name }) => [name, []]));
  try {
    const state = await createBenchState(database.pool);
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, tracing, mark } of round % 2 === 0 ? candidates : candidates.toReversed()) {
        const system = await startSystem(context, { databaseUrl: database.url, tracing });
        try {
          await drainBacklog(system, rowMessages([state], rows, Math.min(count, 1_000)).map(mark));
          rates.get(name)!.push(count / (await drainBacklog(system, rowMessages([state], rows, count).map(mark))));
        } finally {
          await system.close();
        }
      }
      context.note(`round ${round + 1} of ${rounds}`);
    }
  } finally {
    await database.drop();
  }
  const [off, tenth, all] = candidates.map(({ name }) => rates.get(name)!);
  return {
    measurements: [...rates].map(([name, values]) => ({ name, unit: 'rows/s', spread: spreadOf(values) })),
    ratios: [
      {
        name: 'throughput with 10 % sampled, against tracing off',
        spread: ratioSpread(tenth!, off!),
        required: { rule: 'at least', value: 0.98 },
      },
      {
        name: 'throughput with everything sampled, against tracing off',
        spread: ratioSpread(all!, off!),
        required: { rule: 'at least', value: 0.85 },
      },
    ],
  };
};

/** What spans cost the whole way, store only. */
export const tracingBench: Bench = { name: 'tracing', seconds: 90, run: runTracing };
