import { appendRate, ourAppend } from './append-candidates.ts';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { createBenchState, createDatabase, type BenchState } from './databases.ts';
import { rowMessages } from './messages.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { drainBacklog, startSystem } from './system.ts';
import { naturalRows } from './words.ts';

const individually = { routing: { mode: 'after_save', dispatch: 'individual' } };
const inBatches = { routing: { mode: 'after_save', dispatch: 'batch' } };

interface Way {
  readonly name: string;
  readonly states: number;
  readonly options: Parameters<typeof createBenchState>[1];
  /** Share of the append's own rate. */
  readonly required?: number;
}

const ways: readonly Way[] = [
  { name: 'store only', states: 1, options: {}, required: 0.7 },
  { name: 'store only, with primary key', states: 1, options: { primaryKey: ['column_1'] } },
  { name: 'store only, 64 states', states: 64, options: {} },
  {
    name: 'store and forward every row individually',
    states: 1,
    options: { properties: individually, processorsBehind: 1 },
    required: 0.5,
  },
  { name: 'store and forward in batches', states: 1, options: { properties: inBatches, processorsBehind: 1 } },
];

const batchRows = 100;

const runWays = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 1 : 7;
  const messages = context.short ? 200 : 2_000;
  const appendCalls = context.short ? 2 : 10;
  const rows = naturalRows(context.short ? 200 : 5_000, 8, 5);
  const database = await createDatabase(context);
  const own = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  const rates = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  try {
    const states = new Map<string, readonly BenchState[]>();
    for (const way of ways) {
      const made: BenchState[] = [];
      for (let count = 0; count < way.states; count += 1) made.push(await createBenchState(database.pool, way.options));
      states.set(way.name, made);
    }
    const appendState = await createBenchState(database.pool);
    const candidate = await ourAppend(database, false);
    const system = await startSystem(context, { databaseUrl: database.url });
    try {
      for (let round = -1; round < rounds; round += 1) {
        for (const { name } of ways) {
          // Right before each backlog, as the indexes grow and cost more with every round.
          const append = await appendRate(candidate, appendState, rows, { calls: appendCalls, batchRows });
          const rate = messages / (await drainBacklog(system, rowMessages(states.get(name)!, rows, messages)));
          if (round < 0) continue;
          own.get(name)!.push(append);
          rates.get(name)!.push(rate);
        }
        context.note(`round ${round + 1} of ${rounds}`);
      }
    } finally {
      await system.close();
    }
  } finally {
    await database.drop();
  }
  return {
    measurements: [
      { name: `append of ${batchRows} rows`, unit: 'rows/s', spread: spreadOf([...own.values()].flat()) },
      ...[...rates].map(([name, values]) => ({ name, unit: 'rows/s' as const, spread: spreadOf(values) })),
    ],
    ratios: ways.map(({ name, required }) => ({
      name: `whole way, ${name}, against the append`,
      spread: ratioSpread(rates.get(name)!, own.get(name)!),
      ...(required === undefined ? {} : { required: { rule: 'at least' as const, value: required } }),
    })),
  };
};

/** A backlog of 1-row messages, publish to acked, against the append's own rate on the same database. */
export const wholeWayBench: Bench = { name: 'whole-way', seconds: 120, run: runWays };
