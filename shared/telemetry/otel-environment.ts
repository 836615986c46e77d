/** Variables by name, as a process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What OpenTelemetry's variables say, checked. */
export interface OtelEnvironment {
  /**
   * The variables that count: those of the specification that we or the SDK follow, with values that are valid. An empty
   * value, one that cannot be read and a variable that nobody follows are not in it.
   */
  readonly values: Readonly<Record<string, string>>;
  /** Each variable that is set and does not count, with the reason; never a value, which may be a secret. */
  readonly warnings: readonly string[];
  /** No spans, no metrics; the producer's context still travels. */
  readonly isDisabled: boolean;
  /** Where spans go; undefined: nowhere. */
  readonly tracesUrl: string | undefined;
  /** Where metrics are pushed to; undefined: nowhere (they are on `/metrics`). */
  readonly metricsUrl: string | undefined;
}

/**
 * Reads every variable of OpenTelemetry's specification (and what the SDK for Node adds): followed, or named in a warning.
 * Metrics are pushed only on demand (`OTEL_METRICS_EXPORTER=otlp`, or an endpoint for metrics alone), because Jaeger, the
 * usual endpoint, takes traces only.
 */
export const readOtelEnvironment = (env: Environment): OtelEnvironment => {
  const values: Record<string, string> = {};
  const warnings: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    const value = text?.trim() ?? '';
    if (!name.startsWith('OTEL_') || value === '') continue;
    const rule = Object.hasOwn(otelVariables, name) ? otelVariables[name]! : unused('is not known to this version');
    const read = rule(value);
    if (read.value !== undefined) values[name] = read.value;
    if (read.problem !== undefined) warnings.push(`${name} ${read.problem}`);
  }
  dropImpossibleBatches(values, warnings);
  const isDisabled = values['OTEL_SDK_DISABLED'] === 'true';
  const shared = values['OTEL_EXPORTER_OTLP_ENDPOINT']?.replace(/\/+$/, '');
  const endpointOf = (signal: 'TRACES' | 'METRICS'): string | undefined =>
    values[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] ??
    (shared === undefined ? undefined : `${shared}/v1/${signal.toLowerCase()}`);
  const traces = values['OTEL_TRACES_EXPORTER'] ?? 'otlp';
  const ownMetrics = values['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'];
  const metrics = values['OTEL_METRICS_EXPORTER'] ?? (ownMetrics === undefined ? 'none' : 'otlp');
  return {
    values,
    warnings,
    isDisabled,
    tracesUrl: isDisabled || traces !== 'otlp' ? undefined : endpointOf('TRACES'),
    metricsUrl: isDisabled || metrics !== 'otlp' ? undefined : endpointOf('METRICS'),
  };
};

/** `name=value` pairs, percent-encoded, as `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_EXPORTER_OTLP_HEADERS` have them. */
export const readPairs = (text: string | undefined): Record<string, string> =>
  Object.fromEntries(
    (text ?? '').split(',').flatMap((pair) => {
      const at = pair.indexOf('=');
      return at < 1 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]];
    }),
  );

/** The value that counts, if any, and what is to be said of it. */
interface ReadVariable {
  readonly value?: string;
  readonly problem?: string;
}
type Rule = (value: string) => ReadVariable;

const text: Rule = (value) => ({ value });
const unused =
  (reason: string): Rule =>
  () => ({ problem: reason });

/** Booleans are true by the word "true" alone. */
const flag: Rule = (value) => {
  const word = value.toLowerCase();
  return word === 'true' || word === 'false'
    ? { value: word }
    : { problem: 'is neither true nor false: it counts as false' };
};

const most = 2_147_483_647;
const whole =
  (least: number, what: string): Rule =>
  (value) => {
    const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
    return number >= least && number <= most ? { value } : { problem: `is no ${what}: its default is used` };
  };
const count = whole(0, 'whole number of at least 0');
const positive = whole(1, 'whole number of at least 1');
const duration = whole(0, 'number of milliseconds');
/** Zero is "for ever". */
const timeout: Rule = (value) => {
  const read = duration(value);
  return read.value !== undefined && Number(read.value) === 0 ? { value: String(most) } : read;
};

const oneOf =
  (words: readonly string[]): Rule =>
  (value) =>
    words.includes(value.toLowerCase())
      ? { value: value.toLowerCase() }
      : { problem: `is none of ${words.join(', ')}: its default is used` };

/** A list of words: those that we follow count, the others are named. */
const listOf =
  (followed: readonly string[], reason: string): Rule =>
  (value) => {
    const words = [...new Set(value.split(',').map((word) => word.trim().toLowerCase()))].filter((word) => word !== '');
    const kept = words.filter((word) => followed.includes(word));
    const left = words.filter((word) => !followed.includes(word));
    return {
      ...(kept.length === 0 ? {} : { value: kept.includes('none') ? 'none' : kept.join(',') }),
      ...(left.length === 0 ? {} : { problem: `names ${left.map((word) => word.slice(0, 40)).join(', ')}: ${reason}` }),
    };
  };

const endpoint: Rule = (value) => {
  const url = URL.parse(value);
  return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== ''
    ? { value }
    : { problem: 'is no http or https URL: it counts as not set' };
};

const pairs: Rule = (value) => {
  const isPairs = value.split(',').every((pair) => pair.trim() === '' || pair.indexOf('=') > 0);
  return isPairs ? { value } : { problem: 'is no list of name=value: it counts as not set' };
};

const protocol: Rule = (value) => {
  if (value === 'http/json') return { value };
  if (value === 'http/protobuf')
    return { problem: 'is http/protobuf: JSON is sent, which receivers of OTLP over HTTP take at the same address' };
  if (value === 'grpc')
    return { problem: 'is grpc, which is not spoken: OTLP over HTTP is sent, so name that port (usually 4318)' };
  return { problem: 'is none of http/json, http/protobuf, grpc: OTLP over HTTP in JSON is sent' };
};

const sampler = oneOf([
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
]);
const ratio: Rule = (value) =>
  Number(value) >= 0 && Number(value) <= 1
    ? { value }
    : { problem: 'is no number from 0 to 1: every trace is sampled' };

const noLogs = unused('is not used: logs are JSON lines on stderr');
const noZipkin = unused('is not used: spans are sent as OTLP');
const noDetectors = unused('is not used: host, process and OTEL_RESOURCE_ATTRIBUTES describe the resource');
const noInstrumentations = unused('is not used: the bundles are instrumented by hand');
const noFile = unused('is not used: set the variables themselves');

const otlp = (signal: '' | 'TRACES_' | 'METRICS_'): Readonly<Record<string, Rule>> => ({
  [`OTEL_EXPORTER_OTLP_${signal}ENDPOINT`]: endpoint,
  [`OTEL_EXPORTER_OTLP_${signal}HEADERS`]: pairs,
  [`OTEL_EXPORTER_OTLP_${signal}TIMEOUT`]: timeout,
  [`OTEL_EXPORTER_OTLP_${signal}COMPRESSION`]: oneOf(['gzip', 'none']),
  [`OTEL_EXPORTER_OTLP_${signal}PROTOCOL`]: protocol,
  [`OTEL_EXPORTER_OTLP_${signal}CERTIFICATE`]: text,
  [`OTEL_EXPORTER_OTLP_${signal}CLIENT_CERTIFICATE`]: text,
  [`OTEL_EXPORTER_OTLP_${signal}CLIENT_KEY`]: text,
  [`OTEL_EXPORTER_OTLP_${signal}INSECURE`]: unused('is not used: the endpoint begins with http or https'),
});

const logNames = [
  ...['ENDPOINT', 'HEADERS', 'TIMEOUT', 'COMPRESSION', 'PROTOCOL'].map((name) => `OTEL_EXPORTER_OTLP_LOGS_${name}`),
  ...['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY', 'INSECURE'].map((name) => `OTEL_EXPORTER_OTLP_LOGS_${name}`),
  ...['SCHEDULE_DELAY', 'EXPORT_TIMEOUT', 'MAX_QUEUE_SIZE', 'MAX_EXPORT_BATCH_SIZE'].map((name) => `OTEL_BLRP_${name}`),
  ...['VALUE_LENGTH_LIMIT', 'COUNT_LIMIT'].map((name) => `OTEL_LOGRECORD_ATTRIBUTE_${name}`),
];

/** Every variable of the specification's tables and of the SDK for Node. */
export const otelVariables: Readonly<Record<string, Rule>> = {
  OTEL_SDK_DISABLED: flag,
  OTEL_SERVICE_NAME: text,
  OTEL_RESOURCE_ATTRIBUTES: pairs,
  OTEL_LOG_LEVEL: oneOf(['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all']),
  OTEL_PROPAGATORS: listOf(
    ['tracecontext', 'baggage', 'none'],
    'context travels as W3C trace context, in NATS headers and in events',
  ),
  OTEL_TRACES_SAMPLER: sampler,
  OTEL_TRACES_SAMPLER_ARG: ratio,
  OTEL_BSP_SCHEDULE_DELAY: duration,
  OTEL_BSP_EXPORT_TIMEOUT: timeout,
  OTEL_BSP_MAX_QUEUE_SIZE: positive,
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: positive,
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: count,
  OTEL_ATTRIBUTE_COUNT_LIMIT: count,
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: count,
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: count,
  OTEL_SPAN_EVENT_COUNT_LIMIT: count,
  OTEL_SPAN_LINK_COUNT_LIMIT: count,
  OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: count,
  OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: count,
  ...otlp(''),
  ...otlp('TRACES_'),
  ...otlp('METRICS_'),
  OTEL_EXPORTER_OTLP_SPAN_INSECURE: unused('is not used: the endpoint begins with http or https'),
  OTEL_EXPORTER_OTLP_METRIC_INSECURE: unused('is not used: the endpoint begins with http or https'),
  OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: (value) =>
    value.toLowerCase() === 'cumulative' ? { value } : { problem: 'is not followed: counters are cumulative' },
  OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: (value) =>
    value.toLowerCase() === 'explicit_bucket_histogram'
      ? { value }
      : { problem: 'is not followed: histograms have explicit buckets' },
  OTEL_TRACES_EXPORTER: listOf(['otlp', 'none'], 'spans are sent as OTLP'),
  OTEL_METRICS_EXPORTER: (value) => {
    // Prometheus reads /metrics of every part, whatever is pushed beside it.
    const read = listOf(['otlp', 'prometheus', 'none'], 'metrics are on /metrics, or pushed as OTLP')(value);
    return read.value === undefined ? read : { ...read, value: read.value.includes('otlp') ? 'otlp' : 'none' };
  },
  OTEL_LOGS_EXPORTER: (value) => (value.toLowerCase() === 'none' ? { value: 'none' } : noLogs(value)),
  OTEL_METRIC_EXPORT_INTERVAL: positive,
  OTEL_METRIC_EXPORT_TIMEOUT: timeout,
  OTEL_METRICS_EXEMPLAR_FILTER: (value) =>
    value.toLowerCase() === 'always_off' ? { value } : { problem: 'is not followed: metrics have no exemplars' },
  ...Object.fromEntries(logNames.map((name) => [name, noLogs])),
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: noZipkin,
  OTEL_EXPORTER_ZIPKIN_TIMEOUT: noZipkin,
  OTEL_EXPORTER_ZIPKIN_PROTOCOL: noZipkin,
  OTEL_EXPORTER_JAEGER_ENDPOINT: noZipkin,
  OTEL_EXPORTER_JAEGER_AGENT_HOST: noZipkin,
  OTEL_EXPORTER_JAEGER_AGENT_PORT: noZipkin,
  OTEL_EXPORTER_PROMETHEUS_HOST: unused('is not used: metrics are on /metrics of HOST and PORT'),
  OTEL_EXPORTER_PROMETHEUS_PORT: unused('is not used: metrics are on /metrics of HOST and PORT'),
  OTEL_EXPERIMENTAL_CONFIG_FILE: noFile,
  OTEL_CONFIG_FILE: noFile,
  OTEL_NODE_RESOURCE_DETECTORS: noDetectors,
  OTEL_NODE_ENABLED_INSTRUMENTATIONS: noInstrumentations,
  OTEL_NODE_DISABLED_INSTRUMENTATIONS: noInstrumentations,
  OTEL_NODE_EXPERIMENTAL_SDK_METRICS: unused('is not used: the SDK’s metrics are not in the bundles'),
  OTEL_SEMCONV_STABILITY_OPT_IN: noInstrumentations,
};

/** A batch that is larger than the queue is never full. */
const dropImpossibleBatches = (values: Record<string, string>, warnings: string[]): void => {
  const queue = values['OTEL_BSP_MAX_QUEUE_SIZE'];
  const batch = values['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'];
  if (queue === undefined || batch === undefined || Number(batch) <= Number(queue)) return;
  delete values['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'];
  warnings.push('OTEL_BSP_MAX_EXPORT_BATCH_SIZE is above OTEL_BSP_MAX_QUEUE_SIZE: its default is used');
};

/** What is no percent-encoding is taken as it is. */
const decoded = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
};
