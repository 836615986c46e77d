import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { SpanStatusCode, trace, context, SpanKind } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exportProducerSpan } from '../../../infra/local/demo/export-span.ts';
import { startTraceCollector, type TraceCollector } from '../../../infra/local/trace-collector.ts';

let collector: TraceCollector;

beforeEach(async () => {
  collector = await startTraceCollector({ maxSpans: 100 });
});

afterEach(async () => {
  await collector.close();
});

const post = (body: Buffer | string, headers: Record<string, string>, path = '/v1/traces'): Promise<number> =>
  new Promise((resolve, reject) => {
    const outgoing = request(`${collector.url}${path}`, { method: 'POST', headers, agent: false }, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    });
    outgoing.once('error', reject).end(body);
  });

const spansNamed = (...names: readonly string[]): string =>
  JSON.stringify({
    resourceSpans: [
      {
        scopeSpans: [
          {
            spans: names.map((name) => {
              return { traceId: 'T', spanId: name, name, startTimeUnixNano: '1', endTimeUnixNano: '2' };
            }),
          },
        ],
      },
    ],
  });

const json = { 'content-type': 'application/json' };

describe('the trace collector', () => {
  it('takes what the OpenTelemetry exporter sends', async () => {
    const sdk = new NodeSDK({
      serviceName: 'tested',
      autoDetectResources: false,
      instrumentations: [],
      logRecordProcessors: [],
      metricReaders: [],
      traceExporter: new OTLPTraceExporter({ url: `${collector.url}/v1/traces` }),
    });
    sdk.start();
    const tracer = trace.getTracer('test');
    const parent = tracer.startSpan('parent', {
      kind: SpanKind.SERVER,
      attributes: { text: 'ü', count: 7, yes: true },
    });
    const child = tracer.startSpan(
      'child',
      {
        kind: SpanKind.PRODUCER,
        links: [{ context: parent.spanContext() }],
        attributes: { list: ['a', 'b'], part: 0.5 },
      },
      trace.setSpan(context.active(), parent),
    );
    child.setStatus({ code: SpanStatusCode.ERROR });
    child.end();
    parent.end();
    await sdk.shutdown();

    const { traceId, spanId } = parent.spanContext();
    const spans = collector.trace(traceId);
    expect(spans).toHaveLength(2);
    expect(spans.find(({ name }) => name === 'parent')).toMatchObject({
      spanId,
      parentSpanId: '',
      kind: 'server',
      service: 'tested',
      failed: false,
      links: [],
      attributes: { text: 'ü', count: 7, yes: true },
    });
    expect(spans.find(({ name }) => name === 'child')).toMatchObject({
      parentSpanId: spanId,
      kind: 'producer',
      failed: true,
      links: [{ traceId, spanId }],
      attributes: { list: ['a', 'b'], part: 0.5 },
    });
    const [one] = spans;
    expect(Math.abs((one?.startMs ?? 0) - Date.now())).toBeLessThan(10_000);
    expect(one?.durationMs).toBeGreaterThanOrEqual(0);
  });

  it('takes compressed bodies and the demo’s own span', async () => {
    expect(await post(gzipSync(spansNamed('zipped')), { ...json, 'content-encoding': 'gzip' })).toBe(200);
    await exportProducerSpan(collector.url, {
      traceId: 'a',
      spanId: 'b',
      subject: 's',
      startMs: 1_000.5,
      endMs: 1_002,
    });
    expect(collector.spans().map(({ name }) => name)).toEqual(['zipped', 'publish s']);
    expect(collector.trace('a')).toMatchObject([
      { startMs: 1_000.5, durationMs: 1.5, kind: 'producer', service: 'demo' },
    ]);
  });

  it('refuses what it cannot read, and goes on', async () => {
    expect(await post('x', { 'content-type': 'application/x-protobuf' })).toBe(415);
    expect(await post('{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}', json)).toBe(400);
    expect(await post('not json', json)).toBe(400);
    expect(await post('{}', json, '/v1/logs')).toBe(404);
    expect(await post(spansNamed('fine'), json)).toBe(200);
    expect(collector.spans()).toHaveLength(1);
  });

  it('keeps the newest spans only', async () => {
    for (let batch = 0; batch < 30; batch += 1) {
      await post(spansNamed(...Array.from({ length: 10 }, (_, at) => String(batch * 10 + at))), json);
    }
    const names = collector.spans().map(({ name }) => name);
    expect(names).toHaveLength(100);
    expect([names.at(0), names.at(-1)]).toEqual(['200', '299']);
  });
});
