import { percentileMs } from '../../message/latency-classes.ts';
import type { HistoryRow } from '../../postgres/history.ts';
import { addSources, addSteps, nothingCounted, readCounts, type HistoryCounts } from './history-counts.ts';

/** Lists of the same length, one value for each step; null where nothing is known. */
export interface HistorySeries {
  /** When each step began; milliseconds since 1970. */
  readonly timesMs: readonly number[];
  readonly stepMs: number;
  /** Rows and messages that were stored; tries and messages by what became of them. Of the whole step. */
  readonly rows: readonly (number | null)[];
  readonly messages: readonly (number | null)[];
  readonly acked: readonly (number | null)[];
  readonly retried: readonly (number | null)[];
  readonly deadLettered: readonly (number | null)[];
  readonly coldStarts: readonly (number | null)[];
  readonly latencyP50Ms: readonly (number | null)[];
  readonly latencyP99Ms: readonly (number | null)[];
  /** The highest of the step. */
  readonly waiting: readonly (number | null)[];
  readonly oldestMs: readonly (number | null)[];
}

export interface HistoryRange {
  /** Both are whole steps since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** Steps that a chart can show side by side; the last one that is over ends the range. */
export const historyRange = (hours: number, nowMs: number): HistoryRange => {
  const stepMs = stepMinutes(hours) * minuteMs;
  const toMs = Math.floor(nowMs / stepMs) * stepMs;
  return { fromMs: toMs - Math.ceil((hours * 3_600_000) / stepMs) * stepMs, toMs, stepMs };
};

/**
 * Minutes of all sources as series.
 *
 * A step of which nobody told is a step without work, as nothing is written of those: its counts are 0, while its latency and its
 * backlog are not known.
 */
export const historySeries = (rows: readonly HistoryRow[], { fromMs, toMs, stepMs }: HistoryRange): HistorySeries => {
  const minutes = groupBy(rows, (row) => row.minuteMs);
  const sums = [...minutes].map(
    ([atMs, told]) => [atMs, addSources(told.map(({ counts }) => readCounts(counts)))] as const,
  );
  const steps = groupBy(sums, ([atMs]) => Math.floor(atMs / stepMs) * stepMs);
  const timesMs = Array.from(
    { length: Math.max(0, Math.round((toMs - fromMs) / stepMs)) },
    (_, n) => fromMs + n * stepMs,
  );
  const counts = timesMs.map((atMs): HistoryCounts => {
    const step = steps.get(atMs);
    return step === undefined ? nothingCounted : addSteps(step.map(([, minute]) => minute));
  });
  const count = (name: Exclude<keyof HistoryCounts, 'latency'>): readonly number[] =>
    counts.map((step) => step[name] ?? 0);
  return {
    timesMs,
    stepMs,
    rows: count('rows'),
    messages: count('messages'),
    acked: count('acked'),
    retried: count('retried'),
    deadLettered: count('deadLettered'),
    coldStarts: count('coldStarts'),
    latencyP50Ms: counts.map(({ latency }) => percentileMs(latency, 0.5)),
    latencyP99Ms: counts.map(({ latency }) => percentileMs(latency, 0.99)),
    waiting: counts.map(({ waiting }) => waiting),
    oldestMs: counts.map(({ oldestMs }) => oldestMs),
  };
};

const minuteMs = 60_000;

const stepMinutes = (hours: number): number => {
  if (hours <= 2) return 1;
  if (hours <= 6) return 5;
  return hours <= 24 ? 15 : 60;
};

const groupBy = <Item>(items: readonly Item[], keyOf: (item: Item) => number): ReadonlyMap<number, readonly Item[]> => {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
};
