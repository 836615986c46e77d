import { addLatencies, maxLatencyClass, type LatencyCounts } from '../../message/latency-classes.ts';

/** What is known of a minute or of a longer step. What nobody has told is null. */
export interface HistoryCounts {
  /** Stored. */
  readonly messages: number | null;
  readonly rows: number | null;
  readonly acked: number | null;
  readonly retried: number | null;
  readonly deadLettered: number | null;
  readonly coldStarts: number | null;
  readonly latency: LatencyCounts;
  /** Messages that waited, and the age of the oldest that was worked on: the highest of the step. */
  readonly waiting: number | null;
  readonly oldestMs: number | null;
}

export const nothingCounted: HistoryCounts = {
  messages: null,
  rows: null,
  acked: null,
  retried: null,
  deadLettered: null,
  coldStarts: null,
  latency: [],
  waiting: null,
  oldestMs: null,
};

/** Reads counts that others wrote; what is no number of its kind counts as not told. */
export const readCounts = (value: unknown): HistoryCounts => {
  if (typeof value !== 'object' || value === null) return nothingCounted;
  const fields = value as Readonly<Record<string, unknown>>;
  const count = (name: string): number | null => {
    const told = fields[name];
    return typeof told === 'number' && told >= 0 && told <= Number.MAX_SAFE_INTEGER ? told : null;
  };
  return {
    messages: count('messages'),
    rows: count('rows'),
    acked: count('acked'),
    retried: count('retried'),
    deadLettered: count('deadLettered'),
    coldStarts: count('coldStarts'),
    latency: readLatency(fields['latency']),
    waiting: count('waiting'),
    oldestMs: count('oldestMs'),
  };
};

/** What several sources say of the same minute. They share the work, so what waits adds up too; only ages do not. */
export const addSources = (all: readonly HistoryCounts[]): HistoryCounts => ({
  ...addSteps(all),
  waiting: sumOf(all, 'waiting'),
});

/** Several minutes as one step. */
export const addSteps = (all: readonly HistoryCounts[]): HistoryCounts => ({
  messages: sumOf(all, 'messages'),
  rows: sumOf(all, 'rows'),
  acked: sumOf(all, 'acked'),
  retried: sumOf(all, 'retried'),
  deadLettered: sumOf(all, 'deadLettered'),
  coldStarts: sumOf(all, 'coldStarts'),
  latency: addLatencies(all.map(({ latency }) => latency)),
  waiting: highestOf(all, 'waiting'),
  oldestMs: highestOf(all, 'oldestMs'),
});

type NumberName = Exclude<keyof HistoryCounts, 'latency'>;

const told = (all: readonly HistoryCounts[], name: NumberName): readonly number[] =>
  all.flatMap((counts) => counts[name] ?? []);

const sumOf = (all: readonly HistoryCounts[], name: NumberName): number | null => {
  const values = told(all, name);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
};

const highestOf = (all: readonly HistoryCounts[], name: NumberName): number | null => {
  const values = told(all, name);
  return values.length === 0 ? null : Math.max(...values);
};

const isCount = (value: unknown, highest: number): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= highest;

const readLatency = (value: unknown): LatencyCounts => {
  if (!Array.isArray(value)) return [];
  return value.slice(0, maxLatencyClass + 1).flatMap((pair: unknown) => {
    if (!Array.isArray(pair)) return [];
    const [latencyClass, count] = pair as readonly unknown[];
    const isPair = isCount(latencyClass, maxLatencyClass) && isCount(count, Number.MAX_SAFE_INTEGER);
    return isPair ? [[latencyClass, count] as const] : [];
  });
};
