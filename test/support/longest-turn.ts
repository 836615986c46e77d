import { setImmediate as nextTurn } from 'node:timers/promises';
import { machineSlowness } from './machine-speed.ts';

/** What a turn may take at most, in milliseconds, on this machine. */
export const mostTurnMs = (): number => 20 * machineSlowness();

/** The most processor time of this thread between two turns of the event loop, in milliseconds: what other work waits for. */
export const longestTurnMs = async (work: () => Promise<unknown>): Promise<number> => {
  const done = new AbortController();
  let longestUs = 0;
  const watch = async (): Promise<void> => {
    let last = process.threadCpuUsage();
    while (!done.signal.aborted) {
      await nextTurn();
      const spent = process.threadCpuUsage(last);
      longestUs = Math.max(longestUs, spent.user + spent.system);
      last = process.threadCpuUsage();
    }
  };
  const watching = watch();
  await work();
  done.abort();
  await watching;
  return longestUs / 1_000;
};
