import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { bareServer } from './bare-server.ts';
import type { Bench, BenchContext, BenchResult } from './bench.ts';
import { createBenchState, createDatabase } from './databases.ts';
import { rowMessages } from './messages.ts';
import { spawnNode } from './spawn-node.ts';
import { spreadOf } from './statistics.ts';
import { drainBacklog, residentMegabytes, startSystem } from './system.ts';
import { naturalRows } from './words.ts';

const settleMs = 3_000;

/** Resident memory of a bare `node:http` server. */
const bareMegabytes = async (context: BenchContext): Promise<number> => {
  const child = spawnNode(context, ['-e', bareServer], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout!, 'data');
  await sleep(context.short ? 100 : settleMs);
  const megabytes = await residentMegabytes(child.pid!);
  child.kill('SIGKILL');
  await exited;
  return megabytes;
};

const runFootprint = async (context: BenchContext): Promise<BenchResult> => {
  const portions = context.short ? 2 : 10;
  const portion = context.short ? 100 : 10_000;
  const bare = await bareMegabytes(context);
  const database = await createDatabase(context, { trigram: false });
  try {
    const state = await createBenchState(database.pool);
    const rows = naturalRows(context.short ? 200 : 5_000, 8, 24);
    const system = await startSystem(context, { databaseUrl: database.url });
    try {
      await sleep(context.short ? 100 : settleMs);
      const pids = { function: system.functions[0]!, connector: system.connector.pid } as const;
      const idle = {
        function: await residentMegabytes(pids.function),
        connector: await residentMegabytes(pids.connector),
      };
      for (let count = 1; count <= portions; count += 1) {
        await drainBacklog(system, rowMessages([state], rows, portion));
        context.note(`${count * portion} of ${portions * portion} messages`);
      }
      const worked = {
        function: await residentMegabytes(pids.function),
        connector: await residentMegabytes(pids.connector),
      };
      const most = { function: 95, connector: 110 } as const;
      const names = ['function', 'connector'] as const;
      return {
        measurements: [
          { name: 'bare node:http', unit: 'MB', spread: spreadOf([bare]) },
          ...names.flatMap((name) => [
            { name: `${name}, idle after its start`, unit: 'MB' as const, spread: spreadOf([idle[name]]) },
            {
              name: `${name}, after ${portions * portion} messages`,
              unit: 'MB' as const,
              spread: spreadOf([worked[name]]),
            },
          ]),
        ],
        ratios: names.flatMap((name) => [
          {
            name: `memory of the ${name}, idle, against bare node:http`,
            spread: spreadOf([idle[name] / bare]),
            required: { rule: 'at most', value: 1.3 } as const,
          },
          {
            name: `memory of the ${name} after ${portions * portion} messages, against ${most[name]} MB`,
            spread: spreadOf([worked[name] / most[name]]),
            required: { rule: 'at most', value: 1 } as const,
          },
        ]),
      };
    } finally {
      await system.close();
    }
  } finally {
    await database.drop();
  }
};

/** What connector and function take of memory, idle and after a hundred thousand messages. */
export const footprintBench: Bench = { name: 'footprint', seconds: 80, run: runFootprint };
