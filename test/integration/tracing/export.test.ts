import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTraceCollector } from '../../../infra/local/trace-collector.ts';
import { startFunctionProcess } from '../../support/function-process.ts';
import { createState } from '../../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { newTrace } from '../../support/traced-stack.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
});

afterAll(() => database.stop());

/** Takes every connection and says nothing: a collector that hangs. */
const startBlackHole = async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
};

const traceparent = (sampled = true): string => {
  const { traceId, spanId } = newTrace();
  return `00-${traceId}-${spanId}-0${sampled ? 1 : 0}`;
};

let sequence = 0;
const batchOf = (stateId: string, size: number): string =>
  JSON.stringify(
    Array.from({ length: size }, () => ({
      specversion: '1.0',
      id: `export/${(sequence += 1)}`,
      source: '/nats/processor_state_sync',
      type: 'ism.query_state_direct',
      subject: 'processor.state.sync',
      time: '2026-01-02T03:04:05.000Z',
      traceparent: traceparent(),
      datacontenttype: 'application/json',
      data: { type: 'query_state_direct', state_id: stateId, query_state: [{ n: sequence }] },
    })),
  );

const batchHeaders = { 'content-type': 'application/cloudevents-batch+json' };

describe('spans', () => {
  it('are sent before a process ends, however long they could have waited', async () => {
    const collector = await startTraceCollector();
    const { stateId } = await createState(database.pool);
    const run = await startFunctionProcess('state-direct', {
      DATABASE_URL: database.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '600000',
    });
    const message = JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state: [{ a: 1 }] });
    const reply = await run.post(message, { 'content-type': 'application/json', traceparent: traceparent() });
    expect(reply.status, reply.body).toBe(200);
    expect(collector.spans()).toEqual([]);
    expect(await run.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect(collector.spans().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['POST /function/state-direct', 'process query_state_direct', 'append state_column_data']),
    );
    await collector.close();
  });

  it.each([
    ['is not sampled', { OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, {}],
    ['has a producer that was not sampled', {}, { traceparent: traceparent(false) }],
    ['comes while tracing is off', { OTEL_SDK_DISABLED: 'true' }, { traceparent: traceparent() }],
  ])('are not made of a message that %s', async (_why, env, headers) => {
    const collector = await startTraceCollector();
    const { stateId } = await createState(database.pool);
    const run = await startFunctionProcess('state-direct', {
      DATABASE_URL: database.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      ...env,
    });
    const message = JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state: [{ a: 1 }] });
    expect(await run.post(message, { 'content-type': 'application/json', ...headers })).toMatchObject({ status: 200 });
    await run.kill('SIGTERM');
    expect(collector.spans()).toEqual([]);
    await collector.close();
  });

  it('of a collector that hangs cost a warning, neither time nor messages, nor a late end', async () => {
    const [collector, hole] = [await startTraceCollector(), await startBlackHole()];
    const measure = async (endpoint: string) => {
      const { stateId } = await createState(database.pool);
      const run = await startFunctionProcess('state-direct', {
        DATABASE_URL: database.url,
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        // So small that it is full at once, and so short that the exporter gives up within the test.
        OTEL_BSP_MAX_QUEUE_SIZE: '2000',
        OTEL_BSP_EXPORT_TIMEOUT: '1000',
        OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
      });
      const send = async (batches: number): Promise<void> => {
        for (let batch = 0; batch < batches; batch += 1) {
          const { body } = await run.post(batchOf(stateId, 100), batchHeaders);
          expect(body.match(/"outcome":"ack"/g)).toHaveLength(100);
        }
      };
      await send(5);
      const startedMs = performance.now();
      await Promise.all([send(15), send(15)]);
      const tookMs = performance.now() - startedMs;
      const end = await run.kill('SIGTERM');
      return { tookMs, end, log: run.log };
    };
    const live = await measure(collector.url);
    const hung = await measure(hole.url);
    expect(hung.tookMs).toBeLessThan(live.tookMs * 1.5 + 250);
    expect(hung.end.code).toBe(0);
    expect(hung.end.tookMs).toBeLessThan(4_000);
    expect(hung.log).toContain('"event":"telemetry"');
    expect(hung.log.split('\n').filter((line) => line.includes('telemetry')).length).toBeLessThan(6);
    hole.close();
    await collector.close();
  });
});

describe('metrics of a process', () => {
  it('are on /metrics by the names of the table, and pushed before it ends if that is wanted', async () => {
    const pushed: string[] = [];
    const { createServer: createHttpServer } = await import('node:http');
    const receiver = createHttpServer((request, response) => {
      request.setEncoding('utf8').on('data', (chunk: string) => pushed.push(`${request.url} ${chunk}`));
      request.once('end', () => response.end('{}'));
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const { stateId } = await createState(database.pool);
    const run = await startFunctionProcess('state-direct', {
      DATABASE_URL: database.url,
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/v1/metrics`,
    });
    await run.post(batchOf(stateId, 3), batchHeaders);
    const text = await run.metrics();
    for (const line of [
      'state_sync_deliveries_total{function="state-direct"} 3',
      'state_sync_outcomes_total{function="state-direct",outcome="ack",code=""} 3',
      'state_sync_rows_total{function="state-direct"} 3',
      'state_sync_duration_seconds_count{function="state-direct"} 1',
      'state_sync_pool_connections{function="state-direct"} 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/^state_sync_cache_misses_total\{function="state-direct"\} [1-9]/m);
    expect(text).toMatch(/^state_sync_ledger_rows\{function="state-direct"\} \d/m);
    await run.kill('SIGTERM');
    expect(pushed.join('')).toMatch(/^\/v1\/metrics .*state_sync_rows_total/);
    receiver.close();
  });
});
