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
  /** As `run`; what comes of it, without a promise, where it needs no pause. */
  runSoon<T>(steps: Steps<T>): T | Promise<T>;
  /** What is held by work without steps; a promise to wait for, where there is no room for it or the turn is over. */
  hold(bytes: number): Promise<void> | undefined;
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
  const pace: Pace = {
    maxHeldBytes,
    isTurnOver: turnWatch(monotonicMs),
    totalBytes: 0,
    privileged: undefined,
    waiting: [],
  };
  return { open: () => new Share(pace) };
};

/** What all plans of the process share. */
interface Pace {
  readonly maxHeldBytes: number;
  readonly isTurnOver: () => boolean;
  totalBytes: number;
  /** The one that goes on while all hold too much. */
  privileged: PlanShare | undefined;
  waiting: (() => void)[];
}

/** A class: there is one for each state of a batch, and closures would be made anew for each. */
class Share implements PlanShare {
  readonly #pace: Pace;
  #heldBytes = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  async run<T>(steps: Steps<T>): Promise<T> {
    return this.runSoon(steps);
  }

  runSoon<T>(steps: Steps<T>): T | Promise<T> {
    const end = this.#advance(steps);
    return end === undefined ? this.#runLater(steps) : end.value;
  }

  hold(bytes: number): Promise<void> | undefined {
    this.#hold(bytes);
    return this.#mayGoOn() && !this.#pace.isTurnOver() ? undefined : this.#wait();
  }

  pause(): Promise<unknown> | undefined {
    return this.#pace.isTurnOver() ? nextTurn() : undefined;
  }

  release(): void {
    const pace = this.#pace;
    this.#hold(0);
    if (pace.privileged === this) pace.privileged = undefined;
    if (pace.waiting.length === 0) return;
    const freed = pace.waiting;
    pace.waiting = [];
    for (const goOn of freed) goOn();
  }

  /** Takes steps up to the last one, or until it has to wait: then there is no end yet. */
  #advance<T>(steps: Steps<T>): IteratorReturnResult<T> | undefined {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step;
      if (step.value !== this.#heldBytes) {
        this.#hold(step.value);
        if (!this.#mayGoOn()) return undefined;
      }
      if (this.#pace.isTurnOver()) return undefined;
    }
  }

  /** Until there is room and the turn of the event loop is over. */
  async #wait(): Promise<void> {
    while (!this.#mayGoOn()) await new Promise<void>((resolve) => this.#pace.waiting.push(resolve));
    const pause = this.pause();
    if (pause !== undefined) await pause;
  }

  async #runLater<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      await this.#wait();
      const end = this.#advance(steps);
      if (end !== undefined) return end.value;
    }
  }

  #hold(bytes: number): void {
    this.#pace.totalBytes += bytes - this.#heldBytes;
    this.#heldBytes = bytes;
  }

  #mayGoOn(): boolean {
    const pace = this.#pace;
    if (pace.totalBytes <= pace.maxHeldBytes) return true;
    pace.privileged ??= this;
    return pace.privileged === this;
  }
}

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
