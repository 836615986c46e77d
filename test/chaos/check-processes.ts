import type { Difference } from './difference.ts';
import { mostBlockedMs, type LoopBlock } from './loop-watch.ts';

/** Nobody's message may keep a process from everybody else's. */
export const checkLoops = (blocks: readonly LoopBlock[]): readonly Difference[] =>
  blocks
    .filter(({ blockedMs }) => blockedMs > mostBlockedMs)
    .map(({ process, blockedMs }) => ({
      invariant: 'I6 bounded',
      text: `one turn of the event loop of ${process} took ${Math.round(blockedMs)} ms of work`,
    }));

/** Nobody's message may take a process beyond what its container has. */
export const checkKills = (kills: number): readonly Difference[] =>
  kills === 0 ? [] : [{ invariant: 'I6 bounded', text: `the kernel killed ${kills} processes for want of memory` }];

/** How long one message waited from its PubAck to its commit. */
export interface Wait {
  readonly id: string;
  readonly acceptedMs: number;
  readonly committedMs: number;
}

interface Span {
  readonly atEpochMs: number;
  readonly forMs: number;
}

/**
 * A fault holds up a key for as long as it lasts, and for a while after: what was under way comes again after up to two ack waits, and
 * a message that kills its function is found by trying.
 */
export const checkWaits = (
  waits: readonly Wait[],
  faults: readonly Span[],
  aftermathMs: number,
): readonly Difference[] => {
  const spans = faults
    .map(({ atEpochMs, forMs }) => ({ from: atEpochMs, to: atEpochMs + forMs + aftermathMs }))
    .toSorted((one, other) => one.from - other.from);
  const texts: string[] = [];
  for (const { id, acceptedMs, committedMs } of waits) {
    // What no fault explains, one after the other: spans may overlap.
    let unexplainedMs = 0;
    let atMs = acceptedMs;
    for (const { from, to } of spans) {
      if (to <= atMs || from >= committedMs) continue;
      unexplainedMs += Math.max(0, from - atMs);
      atMs = Math.max(atMs, to);
    }
    unexplainedMs += Math.max(0, committedMs - atMs);
    if (unexplainedMs <= aftermathMs) continue;
    texts.push(`${id} waited ${Math.round((committedMs - acceptedMs) / 1_000)} s, and no fault explains it`);
  }
  return texts.slice(0, 12).map((text) => ({ invariant: 'I6 bounded', text }));
};

/** The longest of them, and the one that 99 of 100 do not exceed (milliseconds). */
export const longestWaits = (waits: readonly Wait[]): { readonly p99Ms: number; readonly mostMs: number } => {
  const sorted = waits.map(({ acceptedMs, committedMs }) => committedMs - acceptedMs).toSorted((a, b) => a - b);
  return {
    p99Ms: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
    mostMs: Math.round(sorted.at(-1) ?? 0),
  };
};
