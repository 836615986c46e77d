import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../infra/local/free-port.ts';
import type { CollectedSpan, SpanValue } from '../../infra/local/otlp-spans.ts';
import { until } from './until.ts';

/** A Jaeger of this test's own: OTLP over HTTP in, its query API out, all in memory. */
export interface TestJaeger {
  readonly otlpUrl: string;
  /** Of its user interface and query API. */
  readonly url: string;
  /** What the query API says of a trace; empty if it does not know it (yet). */
  trace(traceId: string): Promise<readonly CollectedSpan[]>;
  /** What Jaeger itself finds wrong with the spans of a trace. */
  warnings(traceId: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

const configText = (ports: { readonly otlp: number; readonly http: number; readonly grpc: number }): string => `
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: { receivers: [otlp], exporters: [jaeger_storage_exporter] }
  telemetry:
    metrics: { level: none }
    logs: { level: warn }
extensions:
  jaeger_storage: { backends: { memory_storage: { memory: { max_traces: 10000 } } } }
  jaeger_query:
    storage: { traces: memory_storage }
    http: { endpoint: "127.0.0.1:${ports.http}" }
    grpc: { endpoint: "127.0.0.1:${ports.grpc}" }
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:${ports.otlp}" } } }
exporters:
  jaeger_storage_exporter: { trace_storage: memory_storage }
`;

interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly operationName: string;
  readonly references: readonly { readonly refType: string; readonly traceID: string; readonly spanID: string }[];
  readonly startTime: number;
  readonly duration: number;
  readonly tags: readonly { readonly key: string; readonly value: SpanValue }[];
  readonly processID: string;
  readonly warnings: readonly string[] | null;
}

interface JaegerTrace {
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

const toCollected = (span: JaegerSpan, { processes }: JaegerTrace): CollectedSpan => {
  const attributes = Object.fromEntries(span.tags.map(({ key, value }) => [key, value]));
  const parent = span.references.find(({ refType, traceID }) => refType === 'CHILD_OF' && traceID === span.traceID);
  return {
    traceId: span.traceID,
    spanId: span.spanID,
    parentSpanId: parent?.spanID ?? '',
    name: span.operationName,
    kind: String(attributes['span.kind'] ?? 'internal') as CollectedSpan['kind'],
    service: processes[span.processID]?.serviceName ?? '',
    startMs: span.startTime / 1_000,
    durationMs: span.duration / 1_000,
    attributes,
    failed: attributes['error'] === true,
    links: span.references
      .filter((reference) => reference !== parent)
      .map(({ traceID, spanID }) => {
        return { traceId: traceID, spanId: spanID };
      }),
  };
};

export const startTestJaeger = async (binary: string): Promise<TestJaeger> => {
  const folder = await mkdtemp(join(tmpdir(), 'test-jaeger-'));
  const ports = { otlp: await freePort(), http: await freePort(), grpc: await freePort() };
  await writeFile(join(folder, 'config.yaml'), configText(ports));
  const child = spawn(binary, ['--config', join(folder, 'config.yaml')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'close');
  process.on('exit', () => child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${ports.http}`;
  const read = async (traceId: string): Promise<JaegerTrace | undefined> => {
    const reply = await fetch(`${url}/api/traces/${traceId}`);
    const body = (await reply.json()) as { readonly data: readonly JaegerTrace[] | null };
    return reply.status === 200 ? body.data?.[0] : undefined;
  };
  await until('Jaeger to be ready', async () => {
    if (child.exitCode !== null) throw new Error(`Jaeger ended at its start: ${log.slice(-2_000)}`);
    return fetch(`${url}/api/services`).then(
      ({ status }) => status === 200,
      () => false,
    );
  });
  return {
    otlpUrl: `http://127.0.0.1:${ports.otlp}`,
    url,
    trace: async (traceId) => {
      const trace = await read(traceId);
      return trace?.spans.map((span) => toCollected(span, trace)) ?? [];
    },
    warnings: async (traceId) => (await read(traceId))?.spans.flatMap(({ warnings }) => warnings ?? []) ?? [],
    close: async () => {
      // Nothing is worth saving, and a graceful end would wait for idle connections.
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
};
