import type { Outcome } from '../message/outcome.ts';

/** Upper bounds in seconds of the duration histogram. */
const bucketSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** A value that is read when the metrics are asked for. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  read(): number | undefined;
}

/** What a function counts; plain numbers, so that counting costs nothing on the hot path. */
export interface FunctionMetrics {
  request(deliveries: number, durationMs: number, outcomes: readonly Outcome[]): void;
  rows(count: number): void;
  gauge(gauge: Gauge): void;
  /** Prometheus text format 0.0.4. */
  text(): string;
}

/** Counters of one function by the names in the README's table of metrics. */
export const createFunctionMetrics = (functionName: string): FunctionMetrics => {
  const outcomes = new Map<string, number>();
  const buckets = bucketSeconds.map(() => 0);
  const gauges: Gauge[] = [];
  let deliveries = 0;
  let rows = 0;
  let durationSeconds = 0;
  let requests = 0;
  const label = `function="${functionName}"`;
  return {
    request: (count, durationMs, results) => {
      deliveries += count;
      requests += 1;
      durationSeconds += durationMs / 1_000;
      bucketSeconds.forEach((bound, index) => {
        if (durationMs / 1_000 <= bound) buckets[index] = buckets[index]! + 1;
      });
      for (const result of results) {
        const key = `outcome="${result.outcome}",code="${result.outcome === 'ack' ? '' : result.code}"`;
        outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
      }
    },
    rows: (count) => {
      rows += count;
    },
    gauge: (gauge) => void gauges.push(gauge),
    text: () => {
      const lines = [
        '# HELP state_sync_deliveries_total Messages that were handed to the function.',
        '# TYPE state_sync_deliveries_total counter',
        `state_sync_deliveries_total{${label}} ${deliveries}`,
        '# HELP state_sync_outcomes_total Outcomes by kind and code.',
        '# TYPE state_sync_outcomes_total counter',
        ...[...outcomes].map(([key, count]) => `state_sync_outcomes_total{${label},${key}} ${count}`),
        '# HELP state_sync_rows_total Rows that were stored.',
        '# TYPE state_sync_rows_total counter',
        `state_sync_rows_total{${label}} ${rows}`,
        '# HELP state_sync_duration_seconds Duration of requests.',
        '# TYPE state_sync_duration_seconds histogram',
        ...bucketSeconds.map(
          (bound, index) => `state_sync_duration_seconds_bucket{${label},le="${bound}"} ${buckets[index]}`,
        ),
        `state_sync_duration_seconds_bucket{${label},le="+Inf"} ${requests}`,
        `state_sync_duration_seconds_sum{${label}} ${durationSeconds}`,
        `state_sync_duration_seconds_count{${label}} ${requests}`,
      ];
      for (const gauge of gauges) {
        const value = gauge.read();
        if (value === undefined) continue;
        const kind = gauge.name.endsWith('_total') ? 'counter' : 'gauge';
        lines.push(
          `# HELP ${gauge.name} ${gauge.help}`,
          `# TYPE ${gauge.name} ${kind}`,
          `${gauge.name}{${label}} ${value}`,
        );
      }
      return `${lines.join('\n')}\n`;
    },
  };
};
