import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startMetricsExport } from '../../../shared/telemetry/export-metrics.ts';
import { createFunctionMetrics } from '../../../shared/telemetry/function-metrics.ts';
import type { Log } from '../../../shared/telemetry/log.ts';
import { prometheusText } from '../../../shared/telemetry/metric-family.ts';
import { readOtelEnvironment, type Environment } from '../../../shared/telemetry/otel-environment.ts';
import { otlpMetrics } from '../../../shared/telemetry/otlp-metrics.ts';

const counted = () => {
  const metrics = createFunctionMetrics('state-direct');
  metrics.request(3, 20, [
    { id: '1', outcome: 'ack' },
    { id: '2', outcome: 'ack' },
    { id: '3', outcome: 'reject', code: 'empty_row', reason: 'r' },
  ]);
  metrics.request(1, 40_000, [{ id: '4', outcome: 'retry', code: 'unknown_state', reason: 'r' }]);
  metrics.rows(5);
  metrics.add({ kind: 'gauge', name: 'state_sync_pool_connections', help: 'h', read: () => 2 });
  metrics.add({ kind: 'gauge', name: 'state_sync_ledger_rows', help: 'h', read: () => undefined });
  return metrics;
};

const logOf = (lines: string[]): Log => {
  const at = (event: string, fields?: object): void => void lines.push(`${event} ${JSON.stringify(fields)}`);
  return { debug: at, info: at, warn: at, error: at };
};

describe('the metrics of a function', () => {
  it('are Prometheus text with a line for each series, in the order of their families', () => {
    const lines = counted().text().split('\n');
    expect(lines.filter((line) => !line.startsWith('#') && !line.includes('_bucket'))).toEqual([
      'state_sync_deliveries_total{function="state-direct"} 4',
      'state_sync_outcomes_total{function="state-direct",outcome="ack",code=""} 2',
      'state_sync_outcomes_total{function="state-direct",outcome="reject",code="empty_row"} 1',
      'state_sync_outcomes_total{function="state-direct",outcome="retry",code="unknown_state"} 1',
      'state_sync_rows_total{function="state-direct"} 5',
      'state_sync_duration_seconds_sum{function="state-direct"} 40.02',
      'state_sync_duration_seconds_count{function="state-direct"} 2',
      'state_sync_pool_connections{function="state-direct"} 2',
      '',
    ]);
    expect(lines).toContain('state_sync_duration_seconds_bucket{function="state-direct",le="0.01"} 0');
    expect(lines).toContain('state_sync_duration_seconds_bucket{function="state-direct",le="0.025"} 1');
    expect(lines).toContain('state_sync_duration_seconds_bucket{function="state-direct",le="30"} 1');
    expect(lines).toContain('state_sync_duration_seconds_bucket{function="state-direct",le="+Inf"} 2');
  });

  it('escape what would end a label', () => {
    const samples = [{ labels: { l: 'a"b\\c\nd' }, value: 1 }];
    expect(prometheusText([{ kind: 'gauge', name: 'm', help: 'h', samples }])).toContain('m{l="a\\"b\\\\c\\nd"} 1\n');
  });

  it('are the same in OTLP: cumulative sums, gauges, and buckets that are not', () => {
    const request = JSON.parse(
      otlpMetrics(counted().families(), { attributes: { 'service.name': 's' }, startMs: 1, nowMs: 2 }),
    ) as {
      resourceMetrics: [{ scopeMetrics: [{ metrics: { name: string; [kind: string]: unknown }[] }] }];
    };
    const { metrics } = request.resourceMetrics[0].scopeMetrics[0];
    const named = (name: string) => metrics.find((metric) => metric.name === name);
    expect(named('state_sync_rows_total')).toMatchObject({
      sum: {
        isMonotonic: true,
        aggregationTemporality: 2,
        dataPoints: [{ asDouble: 5, startTimeUnixNano: '1000000', timeUnixNano: '2000000' }],
      },
    });
    expect(named('state_sync_pool_connections')).toMatchObject({ gauge: { dataPoints: [{ asDouble: 2 }] } });
    expect(named('state_sync_duration_seconds')).toMatchObject({
      histogram: {
        dataPoints: [
          { count: '2', sum: 40.02, bucketCounts: ['0', '0', '1', '0', '0', '0', '0', '0', '0', '0', '0', '0', '1'] },
        ],
      },
    });
  });
});

describe('metrics are pushed', () => {
  it('only if that was asked for, because a Jaeger takes no metrics', () => {
    const endpoint = 'http://collector:4318';
    const metricsEndpoint = (env: Environment) => readOtelEnvironment(env).metricsUrl;
    expect(metricsEndpoint({})).toBeUndefined();
    expect(metricsEndpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toBeUndefined();
    expect(metricsEndpoint({ OTEL_METRICS_EXPORTER: 'otlp' })).toBeUndefined();
    expect(metricsEndpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/`, OTEL_METRICS_EXPORTER: 'otlp' })).toBe(
      `${endpoint}/v1/metrics`,
    );
    expect(metricsEndpoint({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m/x' })).toBe('http://m/x');
    expect(
      metricsEndpoint({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m/x', OTEL_METRICS_EXPORTER: 'none' }),
    ).toBeUndefined();
  });

  it('again and again, and once more at the end; a collector that is down costs one warning', async () => {
    const bodies: string[] = [];
    const headers: unknown[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        headers.push(request.headers['x-key']);
        response.end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const lines: string[] = [];
    const start = (url: string) =>
      startMetricsExport({
        serviceName: 'tested',
        env: {
          OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: url,
          OTEL_METRIC_EXPORT_INTERVAL: '20',
          OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b',
        },
        families: () => counted().families(),
        log: logOf(lines),
        nowMs: () => 1,
      })!;
    const live = start(`http://127.0.0.1:${port}/v1/metrics`);
    while (bodies.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = bodies.length;
    await live.shutdown(1_000);
    expect(bodies.length).toBeGreaterThan(before);
    expect(headers[0]).toBe('a b');
    expect(bodies[0]).toContain('state_sync_rows_total');
    expect(lines).toEqual([]);
    server.close();

    const dead = start('http://127.0.0.1:9/v1/metrics');
    await new Promise((resolve) => setTimeout(resolve, 150));
    await dead.shutdown(1_000);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('metrics were not sent');
  });
});
