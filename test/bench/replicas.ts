import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { createBenchState, createDatabase, type BenchState } from './databases.ts';
import { rowMessages } from './messages.ts';
import { ratioSpread, spreadOf } from './statistics.ts';
import { drainBacklog, startSystem } from './system.ts';
import { naturalRows } from './words.ts';

const runReplicas = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 1 : 7;
  const messages = context.short ? 200 : 4_000;
  const rows = naturalRows(context.short ? 200 : 5_000, 8, 6);
  const database = await createDatabase(context);
  const rates = { one: [] as number[], 'two states, one replica': [] as number[], two: [] as number[] };
  try {
    const states: BenchState[] = [await createBenchState(database.pool), await createBenchState(database.pool)];
    const candidates = [
      { name: 'one', replicas: 1, states: states.slice(0, 1) },
      { name: 'two states, one replica', replicas: 1, states },
      { name: 'two', replicas: 2, states },
    ] as const;
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, replicas, states: own } of round % 2 === 0 ? candidates : candidates.toReversed()) {
        const system = await startSystem(context, { databaseUrl: database.url, replicas });
        try {
          await drainBacklog(system, rowMessages(own, rows, Math.min(messages, 500)));
          rates[name].push(messages / (await drainBacklog(system, rowMessages(own, rows, messages))));
        } finally {
          await system.close();
        }
      }
      context.note(`round ${round + 1} of ${rounds}`);
    }
  } finally {
    await database.drop();
  }
  return {
    measurements: [
      { name: 'one state, one replica', unit: 'rows/s', spread: spreadOf(rates.one) },
      { name: 'two states, one replica', unit: 'rows/s', spread: spreadOf(rates['two states, one replica']) },
      { name: 'two states, two replicas', unit: 'rows/s', spread: spreadOf(rates.two) },
    ],
    ratios: [
      {
        name: 'two states on two function replicas against one on one',
        spread: ratioSpread(rates.two, rates.one),
        required: { rule: 'at least', value: 1.4 },
      },
    ],
  };
};

/** What a second replica gives if there is a second state. */
export const replicaBench: Bench = { name: 'replicas', seconds: 120, run: runReplicas };
