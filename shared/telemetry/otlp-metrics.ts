import type { HistogramSample, Labels, MetricFamily } from './metric-family.ts';

export interface MetricsResource {
  readonly attributes: Labels;
  /** When counting began and now (milliseconds since the epoch): the counters are cumulative. */
  readonly startMs: number;
  readonly nowMs: number;
}

const cumulative = 2;

/** An OTLP `ExportMetricsServiceRequest` as JSON; the names are those of `/metrics`. */
export const otlpMetrics = (families: readonly MetricFamily[], resource: MetricsResource): string => {
  const startTimeUnixNano = `${resource.startMs}000000`;
  const timeUnixNano = `${resource.nowMs}000000`;
  const metrics = families.map((family) => {
    const { name, help: description } = family;
    if (family.kind === 'histogram') {
      const dataPoints = family.samples.map((sample) => ({
        attributes: attributesOf(sample.labels),
        startTimeUnixNano,
        timeUnixNano,
        count: String(sample.count),
        sum: sample.sum,
        explicitBounds: family.bounds,
        bucketCounts: bucketCounts(sample),
      }));
      return { name, description, histogram: { aggregationTemporality: cumulative, dataPoints } };
    }
    const dataPoints = family.samples.map(({ labels, value }) => ({
      attributes: attributesOf(labels),
      startTimeUnixNano,
      timeUnixNano,
      asDouble: value,
    }));
    return family.kind === 'gauge'
      ? { name, description, gauge: { dataPoints } }
      : { name, description, sum: { aggregationTemporality: cumulative, isMonotonic: true, dataPoints } };
  });
  return JSON.stringify({
    resourceMetrics: [
      {
        resource: { attributes: attributesOf(resource.attributes) },
        scopeMetrics: [{ scope: { name: 'state-sync-store' }, metrics }],
      },
    ],
  });
};

const attributesOf = (labels: Labels): readonly object[] =>
  Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: value } }));

/** OTLP counts each bucket by itself, and has one more for what is above the last bound. */
const bucketCounts = ({ counts, count }: HistogramSample): readonly string[] =>
  [...counts, count].map((upTo, index) => String(upTo - (index === 0 ? 0 : (counts[index - 1] ?? 0))));
