import type { Lane } from './lane.ts';

interface Pause {
  readonly atMs: number;
  readonly lane: Lane;
}

/**
 * Paused lanes by the end of their pause: a binary heap, so that ten thousand of them cost no more than a few steps each.
 * An entry whose lane has gone on meanwhile stays until its time comes, and is then passed over.
 */
export interface PauseQueue {
  add(lane: Lane): void;
  /** Takes out one lane whose pause is over; undefined if there is none. */
  takeDue(nowMs: number): Lane | undefined;
  /** When the next pause ends; undefined if no lane is paused. */
  nextMs(): number | undefined;
}

export const createPauseQueue = (): PauseQueue => {
  const heap: Pause[] = [];
  const swap = (a: number, b: number): void => {
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  };
  const isBefore = (a: number, b: number): boolean => heap[a]!.atMs < heap[b]!.atMs;

  const removeFirst = (): void => {
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ;) {
      const left = at * 2 + 1;
      if (left >= heap.length) return;
      const least = left + 1 < heap.length && isBefore(left + 1, left) ? left + 1 : left;
      if (!isBefore(least, at)) return;
      swap(least, at);
      at = least;
    }
  };

  /** The first pause that still holds. */
  const first = (): Pause | undefined => {
    for (;;) {
      const pause = heap[0];
      if (pause === undefined) return undefined;
      if (pause.lane.state === 'paused' && pause.lane.notBeforeMs === pause.atMs) return pause;
      removeFirst();
    }
  };

  return {
    add: (lane) => {
      heap.push({ atMs: lane.notBeforeMs, lane });
      for (let at = heap.length - 1; at > 0;) {
        const parent = (at - 1) >> 1;
        if (!isBefore(at, parent)) return;
        swap(at, parent);
        at = parent;
      }
    },
    takeDue: (nowMs) => {
      const pause = first();
      if (pause === undefined || pause.atMs > nowMs) return undefined;
      removeFirst();
      return pause.lane;
    },
    nextMs: () => first()?.atMs,
  };
};
