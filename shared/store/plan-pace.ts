import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Steps } from '../state/steps.ts';

/**
 * How the plans of a process share its time and its memory.
 *
 * - Time: work goes on for a few milliseconds and then lets the event loop turn. The clock decides when, never what a plan
 *   comes to.
 * - Memory: when all plans together hold more than the limit, one of them goes on and the others wait until it is stored.
 */
export interface PlanPace {
  /** The share of one plan, from its first step until what it made is stored and passed on. */
  open(): PlanShare;
}

export interface PlanShare {
  run<T>(steps: Steps<T>): Promise<T>;
  /** A turn of the event loop to wait for, where one is due. */
  pause(): Promise<unknown> | undefined;
  /** What was planned is no longer held. */
  release(): void;
}

export interface PlanPaceOptions {
  /** A clock that only runs forward (milliseconds). */
  readonly monotonicMs: () => number;
  readonly maxHeldBytes: number;
}

/** Work in one turn of the event loop. */
const maxTurnMs = 5;

export const createPlanPace = ({ monotonicMs, maxHeldBytes }: PlanPaceOptions): PlanPace => {
  const isTurnOver = turnWatch(monotonicMs);
  let totalBytes = 0;
  let privileged: PlanShare | undefined;
  let waiting: (() => void)[] = [];

  const open = (): PlanShare => {
    let heldBytes = 0;
    const hold = (bytes: number): void => {
      totalBytes += bytes - heldBytes;
      heldBytes = bytes;
    };
    const mayGoOn = (): boolean => {
      if (totalBytes > maxHeldBytes) privileged ??= share;
      return totalBytes <= maxHeldBytes || privileged === share;
    };
    const share: PlanShare = {
      run: async (steps) => {
        for (;;) {
          const step = steps.next();
          if (step.done === true) return step.value;
          if (step.value !== heldBytes) {
            hold(step.value);
            while (!mayGoOn()) await new Promise<void>((resolve) => waiting.push(resolve));
          }
          const pause = share.pause();
          if (pause !== undefined) await pause;
        }
      },
      pause: () => (isTurnOver() ? nextTurn() : undefined),
      release: () => {
        hold(0);
        if (privileged === share) privileged = undefined;
        const freed = waiting;
        waiting = [];
        for (const goOn of freed) goOn();
      },
    };
    return share;
  };
  return { open };
};

/** Says when a turn of the event loop has had its time. All plans share it: many of them do not take many times as long. */
const turnWatch = (monotonicMs: () => number): (() => boolean) => {
  let turn: { readonly startedMs: number } | undefined;
  return () => {
    const nowMs = monotonicMs();
    if (turn === undefined) {
      turn = { startedMs: nowMs };
      setImmediate(() => (turn = undefined));
    }
    return nowMs - turn.startedMs >= maxTurnMs;
  };
};
