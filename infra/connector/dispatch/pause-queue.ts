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
  return {
    add: (lane) => addPause(heap, { atMs: lane.notBeforeMs, lane }),
    takeDue: (nowMs) => {
      const pause = firstPause(heap);
      if (pause === undefined || pause.atMs > nowMs) return undefined;
      removeFirst(heap);
      return pause.lane;
    },
    nextMs: () => firstPause(heap)?.atMs,
  };
};

/** The first pause that still holds. */
const firstPause = (heap: Pause[]): Pause | undefined => {
  for (;;) {
    const pause = heap[0];
    if (pause === undefined) return undefined;
    if (pause.lane.state === 'paused' && pause.lane.notBeforeMs === pause.atMs) return pause;
    removeFirst(heap);
  }
};

const addPause = (heap: Pause[], pause: Pause): void => {
  heap.push(pause);
  for (let at = heap.length - 1; at > 0;) {
    const parent = (at - 1) >> 1;
    if (!isBefore(heap, at, parent)) return;
    swap(heap, at, parent);
    at = parent;
  }
};

const removeFirst = (heap: Pause[]): void => {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  heap[0] = last;
  for (let at = 0; ;) {
    const left = at * 2 + 1;
    if (left >= heap.length) return;
    const least = left + 1 < heap.length && isBefore(heap, left + 1, left) ? left + 1 : left;
    if (!isBefore(heap, least, at)) return;
    swap(heap, least, at);
    at = least;
  }
};

const isBefore = (heap: readonly Pause[], a: number, b: number): boolean => heap[a]!.atMs < heap[b]!.atMs;

const swap = (heap: Pause[], a: number, b: number): void => {
  [heap[a], heap[b]] = [heap[b]!, heap[a]!];
};
