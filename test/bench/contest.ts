import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import type { BenchContext } from './bench.ts';
import { createBenchState, createDatabase, type BenchState } from './databases.ts';
import { rowMessages } from './messages.ts';
import { drainBacklog, startSystem, type Consumer, type System } from './system.ts';
import { naturalRows } from './words.ts';

/** A way to store a backlog of 1-row messages, publish to acked. */
export interface Contestant {
  readonly name: string;
  /** Messages of a round. */
  readonly messages: number;
  /** Absent: connector and function. */
  readonly consumer?: (databaseUrl: string, states: readonly BenchState[]) => NonNullable<ConsumerFactory>;
}

type ConsumerFactory = Parameters<typeof startSystem>[1]['consumer'];

export interface ContestShape {
  readonly states: number;
  readonly trigram: boolean;
  readonly rounds: number;
}

interface Entered {
  readonly contestant: Contestant;
  readonly system: System;
  readonly states: readonly BenchState[];
  readonly close: () => Promise<void>;
}

/** With a database of its own: what flushes the trigram index's list pays for who filled it. */
const enter = async (context: BenchContext, shape: ContestShape, contestant: Contestant): Promise<Entered> => {
  const database = await createDatabase(context, { trigram: shape.trigram });
  const states: BenchState[] = [];
  for (let count = 0; count < shape.states; count += 1) states.push(await createBenchState(database.pool));
  const databaseUrl = database.url;
  const consumer = contestant.consumer?.(databaseUrl, states);
  const system = await startSystem(context, { databaseUrl, ...(consumer === undefined ? {} : { consumer }) });
  const close = async (): Promise<void> => {
    await system.close();
    await database.drop();
  };
  return { contestant, system, states, close };
};

/** Rows per second of each, by its name: in turn, round by round, after one that warms up. */
export const runContest = async (
  context: BenchContext,
  shape: ContestShape,
  contestants: readonly Contestant[],
): Promise<ReadonlyMap<string, readonly number[]>> => {
  const rows = naturalRows(context.short ? 200 : 5_000, 8, 22);
  const rates = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  const entered: Entered[] = [];
  try {
    for (const contestant of contestants) entered.push(await enter(context, shape, contestant));
    for (let round = -1; round < shape.rounds; round += 1) {
      for (const { contestant, system, states } of round % 2 === 0 ? entered : entered.toReversed()) {
        const { name, messages } = contestant;
        const rate = messages / (await drainBacklog(system, rowMessages(states, rows, messages)));
        if (round >= 0) rates.get(name)!.push(rate);
      }
    }
  } finally {
    for (const { close } of entered) await close();
  }
  return rates;
};

/** A process that writes something once it reads the stream. */
export const whenReady = async (child: ChildProcess): Promise<Consumer> => {
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout!, 'data'), exited.then(() => Promise.reject(new Error('it ended early')))]);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
  };
  return { pid: child.pid!, stop };
};
