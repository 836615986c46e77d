/**
 * How often each latency was seen, by classes that grow by a fourth of an octave: a percentile is at most 19 % too high. Classes of
 * several minutes and several connectors can be added, which percentiles cannot.
 */
export type LatencyCounts = readonly (readonly [latencyClass: number, count: number])[];

/** Far beyond the longest time that a stream keeps a message. */
export const maxLatencyClass = 160;

/** The class of a latency: 0 below a millisecond. */
export const latencyClassOf = (ms: number): number =>
  ms < 1 ? 0 : Math.min(maxLatencyClass, Math.floor(Math.log2(ms) * perOctave) + 1);

/** The latency in milliseconds that a part of the messages does not exceed; null where there are none. */
export const percentileMs = (counts: LatencyCounts, part: number): number | null => {
  const sorted = counts.toSorted(([one], [other]) => one - other);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  let left = Math.ceil(total * part);
  for (const [latencyClass, count] of sorted) {
    left -= count;
    if (left <= 0) return 2 ** (latencyClass / perOctave);
  }
  return null;
};

/** The counts of several as one. */
export const addLatencies = (all: readonly LatencyCounts[]): LatencyCounts => {
  const sums = new Map<number, number>();
  for (const [latencyClass, count] of all.flat()) sums.set(latencyClass, (sums.get(latencyClass) ?? 0) + count);
  return [...sums].sort(([one], [other]) => one - other);
};

const perOctave = 4;
