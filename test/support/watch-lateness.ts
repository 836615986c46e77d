import { machineSlowness } from './machine-speed.ts';

/** How much slower than on an idle machine time passes for a process of this machine. */
export interface LatenessWatch {
  /** The time, scaled by how late this process's own timers were since the watch began, and by how slow the machine is; never less. */
  allowanceMs(idleMs: number): number;
  stop(): void;
}

/** As short as what a connector does between two waits: each of its words to a server waits for the processor once. */
const periodMs = 2;

/**
 * Sets one timer after another and looks how late each is. A bound that other processes must keep on an idle machine holds on a
 * loaded one only as far as they get the processor; this process is one of them and lives in the same minute.
 */
export const watchLateness = (): LatenessWatch => {
  machineSlowness();
  const startedMs = performance.now();
  let ticks = 0;
  let timer: NodeJS.Timeout;
  const tick = (): void => {
    timer = setTimeout(() => {
      ticks += 1;
      tick();
    }, periodMs);
  };
  tick();
  return {
    allowanceMs: (idleMs) => {
      const passedMs = performance.now() - startedMs;
      // The timer that is under way counts as one that is in time.
      return idleMs * machineSlowness() * Math.max(1, passedMs / ((ticks + 1) * periodMs));
    },
    stop: () => clearTimeout(timer),
  };
};
