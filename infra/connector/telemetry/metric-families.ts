import type { ConsumerLag } from '../../../shared/nats/consumer-lag.ts';
import type { MetricFamily, Sample } from '../../../shared/telemetry/metric-family.ts';

interface Described {
  readonly name: string;
  readonly help: string;
  readonly kind?: 'gauge';
  /** What the counter's label stands for. */
  readonly label?: string;
}

const described: Readonly<Record<string, Described>> = {
  dead_letters: { name: 'state_sync_dead_letters_total', help: 'Messages that were dead-lettered.', label: 'code' },
  dead_letter_failures: {
    name: 'state_sync_dead_letter_failures_total',
    help: 'Dead letters that were not stored yet.',
  },
  received: { name: 'state_sync_received_total', help: 'Messages that were delivered.', label: 'stream' },
  acked: { name: 'state_sync_acked_total', help: 'Messages that were acknowledged.', label: 'stream' },
  rejected: { name: 'state_sync_rejected_total', help: 'Messages that were given up.', label: 'code' },
  retried: { name: 'state_sync_retried_total', help: 'Messages that are tried again.', label: 'code' },
  redelivered_when_settled: {
    name: 'state_sync_redelivered_when_settled_total',
    help: 'Messages that came again after they were settled, and were settled again.',
  },
  redelivered_while_held: {
    name: 'state_sync_redelivered_while_held_total',
    help: 'Messages that came again while they were worked on.',
  },
  requests: {
    name: 'state_sync_requests_total',
    help: 'Requests to functions, by what came of them.',
    label: 'result',
  },
  request_messages: { name: 'state_sync_request_messages_total', help: 'Messages in requests.', label: 'function' },
  request_bytes: { name: 'state_sync_request_bytes_total', help: 'Bytes of requests.', label: 'function' },
  held_messages: { name: 'state_sync_held_messages', help: 'Messages that are worked on now.', kind: 'gauge' },
};

/** What the connector counts, by the names in the table of infra/kubernetes/README.md; what is not in it is not told. */
export const connectorFamilies = (
  snapshot: Readonly<Record<string, number>>,
  lags: readonly ConsumerLag[],
): readonly MetricFamily[] => {
  const samples = new Map<string, Sample[]>();
  for (const [key, value] of Object.entries(snapshot)) {
    const [, name = key, labelValue] = /^([^{]+)\{(.*)\}$/s.exec(key) ?? [];
    const label = described[name]?.label;
    const labels = label === undefined || labelValue === undefined ? {} : { [label]: labelValue };
    samples.set(name, [...(samples.get(name) ?? []), { labels, value }]);
  }
  const lag: MetricFamily = {
    kind: 'gauge',
    name: 'state_sync_lag_messages',
    help: 'Messages of a consumer that wait or are not settled.',
    samples: lags.map(({ stream, consumer, messages }) => ({ labels: { stream, consumer }, value: messages })),
  };
  return [
    lag,
    ...Object.entries(described).map(([key, { name, help, kind = 'counter' as const }]): MetricFamily => {
      const unlabelled = described[key]?.label === undefined ? [{ labels: {}, value: 0 }] : [];
      return { kind, name, help, samples: samples.get(key) ?? unlabelled };
    }),
  ];
};
