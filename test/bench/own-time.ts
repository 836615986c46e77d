import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { createBenchState, createDatabase, type BenchState } from './databases.ts';
import { rowMessages } from './messages.ts';
import { processorSeconds } from './processor-time.ts';
import { spreadOf } from './statistics.ts';
import { drainBacklog, startSystem } from './system.ts';
import { naturalRows } from './words.ts';

/** Microseconds of processor time for one message of one row, by connector and function together. */
const ways = [
  { name: 'stored', options: {}, limitUs: 60 },
  {
    name: 'stored and forwarded individually',
    options: { properties: { routing: { mode: 'after_save', dispatch: 'individual' } }, processorsBehind: 1 },
    limitUs: 110,
  },
] as const;

const runOwnTime = async (context: BenchContext): Promise<BenchResult> => {
  const rounds = context.short ? 1 : 5;
  const messages = context.short ? 200 : 8_000;
  const rows = naturalRows(context.short ? 200 : 5_000, 8, 21);
  // What PostgreSQL does is not counted here; without its largest index the batches are full sooner.
  const database = await createDatabase(context, { trigram: false });
  const connector = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  const functions = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  try {
    const system = await startSystem(context, { databaseUrl: database.url });
    const pids = [system.connector.pid, ...system.functions] as const;
    try {
      const states = new Map<string, BenchState>();
      for (const { name, options } of ways) states.set(name, await createBenchState(database.pool, options));
      for (let round = -1; round < rounds; round += 1) {
        for (const { name } of ways) {
          const backlog = rowMessages([states.get(name)!], rows, messages);
          const before = pids.map(processorSeconds);
          await drainBacklog(system, backlog);
          const [ofConnector = 0, ...ofFunctions] = pids.map((pid, index) => processorSeconds(pid) - before[index]!);
          if (round < 0) continue;
          connector.get(name)!.push((ofConnector * 1e6) / messages);
          functions.get(name)!.push((ofFunctions.reduce((sum, time) => sum + time, 0) * 1e6) / messages);
        }
        context.note(`round ${round + 1} of ${rounds}`);
      }
    } finally {
      await system.close();
    }
  } finally {
    await database.drop();
  }
  const together = (name: string): readonly number[] =>
    connector.get(name)!.map((time, round) => time + functions.get(name)![round]!);
  return {
    measurements: ways.flatMap(({ name }) => [
      { name: `processor time of the connector, ${name}`, unit: 'us' as const, spread: spreadOf(connector.get(name)!) },
      { name: `processor time of the function, ${name}`, unit: 'us' as const, spread: spreadOf(functions.get(name)!) },
    ]),
    ratios: ways.map(({ name, limitUs }) => ({
      name: `processor time of both for one message ${name}, against ${limitUs} us`,
      spread: spreadOf(together(name).map((time) => time / limitUs)),
      required: { rule: 'at most', value: 1 } as const,
    })),
  };
};

/** What connector and function cost by themselves: user and system time per message of one row, warm, batches full. */
export const ownTimeBench: Bench = { name: 'own-time', seconds: 40, run: runOwnTime };
