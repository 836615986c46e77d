import { context, diag, propagation, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';

import { startTelemetry, type Telemetry } from '../../../shared/telemetry/start-telemetry.ts';
import { extractContext, injectContext, startSpan } from '../../../shared/telemetry/trace.ts';
import { startMetricsExport } from '../../../shared/telemetry/export-metrics.ts';
import type { Log } from '../../../shared/telemetry/log.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const lines: string[] = [];
const at = (event: string, fields?: object): void => void lines.push(`${event} ${JSON.stringify(fields)}`);
const log: Log = { debug: at, info: at, warn: at, error: at };

let telemetry: Telemetry | undefined;
afterEach(async () => {
  await telemetry?.shutdown(100);
  // A process starts once; here the next start begins anew.
  for (const api of [context, propagation, trace, diag]) api.disable();
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
  lines.length = 0;
});

const start = (env: Readonly<Record<string, string>>): void => {
  Object.assign(process.env, env);
  telemetry = startTelemetry({ serviceName: 'tested', otlpEndpoint: undefined, env: process.env, log });
};

describe('telemetry starts', () => {
  it.each([
    { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { OTEL_PROPAGATORS: 'b3,b3multi,jaeger' },
    { OTEL_TRACES_EXPORTER: 'zipkin', OTEL_LOGS_EXPORTER: 'otlp', OTEL_METRICS_EXPORTER: 'console' },
    { OTEL_CONFIG_FILE: '/nowhere.yaml', OTEL_NODE_RESOURCE_DETECTORS: 'all' },
    { OTEL_BSP_MAX_QUEUE_SIZE: 'many', OTEL_SPAN_LINK_COUNT_LIMIT: '-1', OTEL_LOG_LEVEL: 'loud' },
  ])('with %j, and the producer’s context goes on', (env) => {
    start(env);
    const started = startSpan('step', extractContext({ traceparent }), {});
    expect(injectContext(started.context)['traceparent']).toBe(traceparent);
    expect(lines.length).toBeLessThanOrEqual(1);
  });

  it('and pushes no metrics while it is disabled', () => {
    start({ OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:9' });
    const families = () => [];
    expect(startMetricsExport({ serviceName: 's', env: process.env, families, log, nowMs: () => 1 })).toBeUndefined();
  });

  it('and passes nothing on where propagation is none', () => {
    start({ OTEL_PROPAGATORS: 'none' });
    expect(injectContext(extractContext({ traceparent }))).toEqual({});
  });
});
