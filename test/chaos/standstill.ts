/** What is known of one message: when a server took it, and when its rows became visible. */
export interface KeptMessage {
  readonly acceptedMs: number;
  readonly committedMs: number;
}

/** A fault as it was injected. */
export interface FaultSpan {
  readonly name: string;
  readonly atEpochMs: number;
  readonly forMs: number;
}

/** How long one key stood still after one fault, from the fault on. */
export interface Standstill {
  readonly fault: string;
  readonly key: string;
  readonly stillMs: number;
}

export interface StandstillRow {
  readonly fault: string;
  /** How many keys had something to do then, over all faults of the name. */
  readonly keys: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

/** What begins so soon after a fault belongs to it: a key may have had nothing to do when it came. */
const aftermathMs = 1_000;

interface Pause {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The times in which something waited and nothing of the key was stored, one after the other. */
const pausesOf = (messages: readonly KeptMessage[]): readonly Pause[] => {
  const sorted = messages.toSorted((one, other) => one.committedMs - other.committedMs);
  // For each commit, the oldest of what was not stored before it.
  const oldest: number[] = [];
  for (let index = sorted.length - 1; index >= 0; index -= 1) {
    oldest[index] = Math.min(sorted[index]!.acceptedMs, oldest[index + 1] ?? Infinity);
  }
  return sorted.map(({ committedMs }, index) => ({
    fromMs: Math.max(oldest[index]!, sorted[index - 1]?.committedMs ?? 0),
    toMs: committedMs,
  }));
};

/**
 * How long each key stood still because of each fault. Faults that overlap are each charged with the whole. A key that had
 * nothing to do at a fault is not counted.
 */
export const standstillsOf = (
  keys: ReadonlyMap<string, readonly KeptMessage[]>,
  faults: readonly FaultSpan[],
): readonly Standstill[] =>
  [...keys].flatMap(([key, messages]) => {
    const pauses = pausesOf(messages);
    return faults.flatMap(({ name, atEpochMs, forMs }): Standstill[] => {
      const hit = pauses.filter(({ fromMs, toMs }) => toMs > atEpochMs && fromMs <= atEpochMs + forMs + aftermathMs);
      if (hit.length === 0) return [];
      const lengths = hit.map(({ fromMs, toMs }) => toMs - Math.max(fromMs, atEpochMs));
      return [{ fault: name, key, stillMs: Math.max(...lengths) }];
    });
  });

/** One row for each fault, those that kept keys longest first. */
export const summariseStandstills = (standstills: readonly Standstill[]): readonly StandstillRow[] => {
  const byFault = new Map<string, number[]>();
  for (const { fault, stillMs } of standstills) byFault.set(fault, [...(byFault.get(fault) ?? []), stillMs]);
  return [...byFault]
    .map(([fault, lengths]): StandstillRow => {
      const sorted = lengths.toSorted((one, other) => one - other);
      const share = (part: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * part)]!);
      return { fault, keys: sorted.length, p50Ms: share(0.5), p99Ms: share(0.99), mostMs: share(1) };
    })
    .toSorted((one, other) => other.mostMs - one.mostMs);
};
