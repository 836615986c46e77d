import { describe, expect, it } from 'vitest';

import { otelVariables, readOtelEnvironment, readPairs } from '../../../shared/telemetry/otel-environment.ts';

type Row = readonly [name: string, followed: readonly string[], notFollowed: readonly string[]];

const otlp = (signal: string): readonly Row[] => [
  [`OTEL_EXPORTER_OTLP_${signal}ENDPOINT`, ['http://c:4318', 'https://c/x'], ['c:4318', 'grpc://c', 'http://']],
  [`OTEL_EXPORTER_OTLP_${signal}HEADERS`, ['a=b', 'a=b%20c,d='], ['secret', '=b']],
  [`OTEL_EXPORTER_OTLP_${signal}TIMEOUT`, ['1', '5000'], ['-1', 'soon', '1.5', '99999999999']],
  [`OTEL_EXPORTER_OTLP_${signal}COMPRESSION`, ['gzip', 'none'], ['zstd']],
  [`OTEL_EXPORTER_OTLP_${signal}PROTOCOL`, ['http/json'], ['grpc', 'http/protobuf', 'smoke']],
  [`OTEL_EXPORTER_OTLP_${signal}CERTIFICATE`, ['/ca.pem'], []],
  [`OTEL_EXPORTER_OTLP_${signal}CLIENT_CERTIFICATE`, ['/c.pem'], []],
  [`OTEL_EXPORTER_OTLP_${signal}CLIENT_KEY`, ['/c.key'], []],
  [`OTEL_EXPORTER_OTLP_${signal}INSECURE`, [], ['true']],
];
const number = (name: string): Row => [name, ['0', '128'], ['-1', 'many', '1e3']];
const positive = (name: string): Row => [name, ['1', '128'], ['0', '-1', 'many']];
const never = (...names: readonly string[]): readonly Row[] => names.map((name) => [name, [], ['1', 'true', 'otlp']]);

/** Every variable of the specification's tables (and of the SDK for Node), values that are followed, values that are named. */
const table: readonly Row[] = [
  ['OTEL_SDK_DISABLED', ['true', 'false'], ['1', 'yes']],
  ['OTEL_SERVICE_NAME', ['any name'], []],
  ['OTEL_RESOURCE_ATTRIBUTES', ['a=b,c=d%20e', 'a=%ff'], ['a', '=x,y']],
  ['OTEL_LOG_LEVEL', ['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all'], ['loud']],
  [
    'OTEL_PROPAGATORS',
    ['tracecontext', 'tracecontext,baggage', 'none', 'baggage'],
    ['b3', 'b3multi', 'jaeger', 'xray', 'ottrace', 'nothing'],
  ],
  [
    'OTEL_TRACES_SAMPLER',
    [
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ],
    ['jaeger_remote', 'parentbased_jaeger_remote', 'xray', 'sometimes'],
  ],
  ['OTEL_TRACES_SAMPLER_ARG', ['0', '0.25', '1'], ['2', '-1', 'x', 'endpoint=http://x']],
  number('OTEL_BSP_SCHEDULE_DELAY'),
  number('OTEL_BSP_EXPORT_TIMEOUT'),
  positive('OTEL_BSP_MAX_QUEUE_SIZE'),
  positive('OTEL_BSP_MAX_EXPORT_BATCH_SIZE'),
  ...never(
    'OTEL_BLRP_SCHEDULE_DELAY',
    'OTEL_BLRP_EXPORT_TIMEOUT',
    'OTEL_BLRP_MAX_QUEUE_SIZE',
    'OTEL_BLRP_MAX_EXPORT_BATCH_SIZE',
  ),
  number('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'),
  number('OTEL_ATTRIBUTE_COUNT_LIMIT'),
  number('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT'),
  number('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT'),
  number('OTEL_SPAN_EVENT_COUNT_LIMIT'),
  number('OTEL_SPAN_LINK_COUNT_LIMIT'),
  number('OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT'),
  number('OTEL_LINK_ATTRIBUTE_COUNT_LIMIT'),
  ...never('OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT'),
  ...otlp(''),
  ...otlp('TRACES_'),
  ...otlp('METRICS_'),
  ...otlp('LOGS_').flatMap(([name]) => never(name)),
  ...never('OTEL_EXPORTER_OTLP_SPAN_INSECURE', 'OTEL_EXPORTER_OTLP_METRIC_INSECURE'),
  ['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', ['cumulative'], ['delta', 'lowmemory']],
  [
    'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION',
    ['explicit_bucket_histogram'],
    ['base2_exponential_bucket_histogram'],
  ],
  ...never('OTEL_EXPORTER_ZIPKIN_ENDPOINT', 'OTEL_EXPORTER_ZIPKIN_TIMEOUT', 'OTEL_EXPORTER_ZIPKIN_PROTOCOL'),
  ...never('OTEL_EXPORTER_JAEGER_ENDPOINT', 'OTEL_EXPORTER_JAEGER_AGENT_HOST', 'OTEL_EXPORTER_JAEGER_AGENT_PORT'),
  ...never('OTEL_EXPORTER_PROMETHEUS_HOST', 'OTEL_EXPORTER_PROMETHEUS_PORT'),
  ['OTEL_TRACES_EXPORTER', ['otlp', 'none'], ['zipkin', 'console', 'logging', 'otlp/stdout', 'jaeger']],
  ['OTEL_METRICS_EXPORTER', ['otlp', 'none', 'prometheus', 'otlp,prometheus'], ['console', 'logging', 'otlp/stdout']],
  ['OTEL_LOGS_EXPORTER', ['none'], ['otlp', 'console', 'logging', 'otlp/stdout']],
  ['OTEL_METRICS_EXEMPLAR_FILTER', ['always_off'], ['always_on', 'trace_based']],
  positive('OTEL_METRIC_EXPORT_INTERVAL'),
  number('OTEL_METRIC_EXPORT_TIMEOUT'),
  ...never('OTEL_EXPERIMENTAL_CONFIG_FILE', 'OTEL_CONFIG_FILE'),
  ...never('OTEL_NODE_RESOURCE_DETECTORS', 'OTEL_NODE_ENABLED_INSTRUMENTATIONS', 'OTEL_NODE_DISABLED_INSTRUMENTATIONS'),
  ...never('OTEL_NODE_EXPERIMENTAL_SDK_METRICS', 'OTEL_SEMCONV_STABILITY_OPT_IN'),
];

describe('a variable of OpenTelemetry', () => {
  it('is in the table, each one', () => {
    expect(table.map(([name]) => name).toSorted()).toEqual(Object.keys(otelVariables).toSorted());
  });

  it.each(table.map(([name, followed, notFollowed]) => ({ name, followed, notFollowed })))(
    '$name is followed, or named in the warning without its value',
    ({ name, followed, notFollowed }) => {
      for (const value of followed) {
        const { values, warnings } = readOtelEnvironment({ [name]: ` ${value} ` });
        expect(warnings).toEqual([]);
        expect(values[name]).toBeDefined();
      }
      for (const value of notFollowed) {
        const { values, warnings } = readOtelEnvironment({ [name]: value });
        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toMatch(new RegExp(`^${name} `));
        expect(values[name]).toBeUndefined();
      }
      // An empty value is the same as none.
      expect(readOtelEnvironment({ [name]: '' })).toEqual(readOtelEnvironment({}));
    },
  );

  it('of a later version is named', () => {
    expect(readOtelEnvironment({ OTEL_TIME_TRAVEL: '1' }).warnings).toEqual([
      'OTEL_TIME_TRAVEL is not known to this version',
    ]);
  });
});

describe('what they say together', () => {
  it('propagators that are known go on beside one that is not', () => {
    const { values, warnings } = readOtelEnvironment({ OTEL_PROPAGATORS: 'b3, tracecontext ,tracecontext' });
    expect(values['OTEL_PROPAGATORS']).toBe('tracecontext');
    expect(warnings[0]).toContain('OTEL_PROPAGATORS names b3');
  });

  it('a batch fits into the queue', () => {
    const { values, warnings } = readOtelEnvironment({
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '200',
    });
    expect(values).toEqual({ OTEL_BSP_MAX_QUEUE_SIZE: '100' });
    expect(warnings).toHaveLength(1);
  });

  it.each<[Record<string, string>, string | undefined, string | undefined]>([
    [{}, undefined, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, undefined, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' }, 'http://c:4318/v1/traces', undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'c:4318' }, undefined, undefined],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/own' }, 'http://t/own', undefined],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/own' },
      'http://t/own',
      undefined,
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_TRACES_EXPORTER: 'none' }, undefined, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_TRACES_EXPORTER: 'zipkin' }, 'http://c/v1/traces', undefined],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_METRICS_EXPORTER: 'otlp' },
      'http://c/v1/traces',
      'http://c/v1/metrics',
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_METRICS_EXPORTER: 'prometheus' }, 'http://c/v1/traces', undefined],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m/x' }, undefined, 'http://m/x'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_METRICS_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' },
      undefined,
      undefined,
    ],
  ])('%j sends spans to %s and metrics to %s', (env, traces, metrics) => {
    expect(readOtelEnvironment(env)).toMatchObject({ tracesUrl: traces, metricsUrl: metrics });
  });

  it('pairs are decoded where they are encoded', () => {
    expect(readPairs('a=b%20c, d = 100% ,e=%ff')).toEqual({ a: 'b c', d: '100%', e: '%ff' });
  });
});
