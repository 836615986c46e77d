import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultContext } from './faults.ts';

export interface InjectedFault {
  readonly name: string;
  readonly target: string;
  readonly atMs: number;
}

export interface FaultRun {
  readonly injected: readonly InjectedFault[];
  /** How often a broker may have forgotten what it knew of settled messages. */
  readonly brokerRestarts: number;
  /** Resolves when a list that is injected in turn is through; never for random faults. */
  readonly finished: Promise<void>;
  /** Starts no more, and waits until those under way are over. */
  stop(): Promise<void>;
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
  const busy = new Map<string, Promise<void>>();
  const failures: unknown[] = [];
  const stopped = new AbortController();
  const { random } = context;
  const startedMs = performance.now();
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));

  const inject = (fault: Fault, target: string): Promise<void> => {
    injected.push({ name: fault.name, target, atMs: Math.round(performance.now() - startedMs) });
    const number = injected.length;
    say(`${number} ${fault.name} (${target})`);
    const work = fault
      .inject({ ...context, random: random.fork() }, target)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        busy.delete(target);
        say(`${number} over`);
      });
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
      if (!stopped.signal.aborted && !busy.has(target)) void inject(fault, target);
    }
  };
  const runInTurn = async (): Promise<void> => {
    for (const fault of plan.faults) {
      await pause();
      if (stopped.signal.aborted) return;
      await inject(fault, fault.target(random));
    }
    await pause();
    finish();
  };
  const running = plan.inTurn === true ? runInTurn() : runRandom();
  return {
    injected,
    get brokerRestarts() {
      return injected.filter(({ name }) => name.includes('broker') && !name.startsWith('freeze')).length;
    },
    finished,
    stop: async () => {
      stopped.abort();
      await running;
      await Promise.all(busy.values());
      if (failures.length > 0) throw new AggregateError(failures, 'a fault could not be injected or mended');
    },
  };
};
