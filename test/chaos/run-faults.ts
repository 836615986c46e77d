import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultContext } from './faults.ts';
import type { Random } from './random.ts';

export interface InjectedFault {
  readonly name: string;
  readonly target: string;
  readonly atMs: number;
  /** When, on the clock that the database and the servers have too. */
  readonly atEpochMs: number;
  /** How long it lasted. */
  readonly forMs: number;
}

export interface FaultRun {
  /** Those that hit something, in the order in which they were over. */
  readonly injected: readonly InjectedFault[];
  /** Those that met nobody: a process between two lives, a failpoint that none came to. They prove nothing. */
  readonly missed: readonly InjectedFault[];
  /** How often a broker may have forgotten what it knew of settled messages. */
  readonly brokerRestarts: number;
  /** Resolves when a list that is injected in turn is through; never for random faults. */
  readonly finished: Promise<void>;
  /** Starts no more, and waits until those under way are over. Resolves with what could not be injected or mended. */
  stop(): Promise<readonly string[]>;
}

export interface FaultPlan {
  readonly faults: readonly Fault[];
  readonly pause: { readonly leastMs: number; readonly mostMs: number };
  /** Each fault of the list once, one after the other, instead of random ones that may overlap. */
  readonly inTurn?: boolean;
}

/** Injects faults of different targets, also at the same time, until it is stopped. */
export const runFaults = (context: FaultContext, plan: FaultPlan, say: (line: string) => void): FaultRun => {
  const injected: InjectedFault[] = [];
  const missed: InjectedFault[] = [];
  const busy = new Map<string, Promise<void>>();
  const failures: string[] = [];
  const stopped = new AbortController();
  const { random } = context;
  const startedMs = performance.now();
  let started = 0;
  let brokerRestarts = 0;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));

  const inject = (fault: Fault, target: string, own: Random): Promise<void> => {
    const beganMs = performance.now();
    const began = { name: fault.name, target, atMs: Math.round(beganMs - startedMs), atEpochMs: Date.now() };
    const number = (started += 1);
    if (fault.name.includes('broker') && !fault.name.startsWith('freeze')) brokerRestarts += 1;
    say(`${number} ${fault.name} (${target})`);
    const work = fault
      .inject({ ...context, random: own }, target)
      .then((isHit) => {
        const record = { ...began, forMs: Math.round(performance.now() - beganMs) };
        (isHit ? injected : missed).push(record);
        say(`${number} ${isHit ? '' : 'hit nothing, '}over`);
      })
      .catch((error: unknown) => {
        failures.push(`${fault.name} (${target}): ${error instanceof Error ? error.message : String(error)}`);
        say(`${number} over, FAILED`);
      })
      .finally(() => busy.delete(target));
    busy.set(target, work);
    return work;
  };
  const pause = async (): Promise<void> => {
    const ms = random.between(plan.pause.leastMs, plan.pause.mostMs);
    // The end of the round breaks a pause off.
    await sleep(ms, undefined, { signal: stopped.signal }).catch(() => undefined);
  };
  const runRandom = async (): Promise<void> => {
    while (plan.faults.length > 0 && !stopped.signal.aborted) {
      await pause();
      const fault = random.pick(plan.faults);
      const target = fault.target(random);
      // Also if the target is busy, which is a matter of time: a seed makes one plan.
      const own = random.fork();
      if (!stopped.signal.aborted && !busy.has(target)) void inject(fault, target, own);
    }
  };
  const runInTurn = async (): Promise<void> => {
    for (const fault of plan.faults) {
      await pause();
      if (stopped.signal.aborted) return;
      await inject(fault, fault.target(random), random.fork());
    }
    await pause();
    finish();
  };
  const running = plan.inTurn === true ? runInTurn() : runRandom();
  return {
    injected,
    missed,
    get brokerRestarts() {
      return brokerRestarts;
    },
    finished,
    stop: async () => {
      stopped.abort();
      await running;
      await Promise.all(busy.values());
      return failures;
    },
  };
};
