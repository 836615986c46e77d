import type { Outcome } from '../message/outcome.ts';
import { prometheusText, type MetricFamily, type Sample } from './metric-family.ts';

/** Upper bounds in seconds of the duration histogram. */
const bucketSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** A value that is read when the metrics are asked for; left out while it is not known. */
export interface Reading {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  read(): number | undefined;
}

/** What a function counts; plain numbers, so that counting costs nothing on the hot path. */
export interface FunctionMetrics {
  request(deliveries: number, durationMs: number, outcomes: readonly Outcome[]): void;
  rows(count: number): void;
  add(reading: Reading): void;
  families(): readonly MetricFamily[];
  /** Prometheus text format 0.0.4. */
  text(): string;
}

/** Counters of one function by the names in the table of infra/kubernetes/README.md. */
export const createFunctionMetrics = (functionName: string): FunctionMetrics => {
  const outcomes = new Map<string, { readonly labels: Sample['labels']; value: number }>();
  const counts = bucketSeconds.map(() => 0);
  const readings: Reading[] = [];
  const totals = { deliveries: 0, rows: 0, seconds: 0, requests: 0 };
  const labels = { function: functionName };

  const countOutcome = (result: Outcome): void => {
    const code = result.outcome === 'ack' ? '' : result.code;
    const key = `${result.outcome}/${code}`;
    const known = outcomes.get(key);
    if (known) known.value += 1;
    else outcomes.set(key, { labels: { ...labels, outcome: result.outcome, code }, value: 1 });
  };

  const single = (kind: 'counter' | 'gauge', name: string, help: string, value: number): MetricFamily => ({
    kind,
    name,
    help,
    samples: [{ labels, value }],
  });

  const families = (): readonly MetricFamily[] => [
    single('counter', 'state_sync_deliveries_total', 'Messages that were handed to the function.', totals.deliveries),
    {
      kind: 'counter',
      name: 'state_sync_outcomes_total',
      help: 'Outcomes by kind and code.',
      samples: [...outcomes.values()],
    },
    single('counter', 'state_sync_rows_total', 'Rows that were stored.', totals.rows),
    {
      kind: 'histogram',
      name: 'state_sync_duration_seconds',
      help: 'Duration of requests.',
      bounds: bucketSeconds,
      samples: [{ labels, counts, sum: totals.seconds, count: totals.requests }],
    },
    ...readings.flatMap(({ kind, name, help, read }) => {
      const value = read();
      return value === undefined ? [] : [single(kind, name, help, value)];
    }),
  ];
  return {
    request: (deliveries, durationMs, results) => {
      const seconds = durationMs / 1_000;
      totals.deliveries += deliveries;
      totals.requests += 1;
      totals.seconds += seconds;
      bucketSeconds.forEach((bound, index) => {
        if (seconds <= bound) counts[index] = counts[index]! + 1;
      });
      results.forEach(countOutcome);
    },
    rows: (count) => {
      totals.rows += count;
    },
    add: (reading) => void readings.push(reading),
    families,
    text: () => prometheusText(families()),
  };
};
