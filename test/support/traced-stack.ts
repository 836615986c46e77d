import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportProducerSpan } from '../../infra/local/demo/export-span.ts';
import { readLocalSettings } from '../../infra/local/local-settings.ts';
import { startStack, type Stack } from '../../infra/local/local-stack.ts';
import { createOrphanGuard } from '../../infra/local/orphan-guard.ts';
import type { CollectedSpan } from '../../infra/local/otlp-spans.ts';
import { createProgress } from '../../infra/local/progress.ts';
import { connectNats, type NatsConnection } from '../../shared/nats/connect.ts';
import { ensureStream } from '../../shared/nats/ensure-stream.ts';
import { buildHeaders } from '../../shared/nats/headers.ts';
import { createLog } from '../../shared/telemetry/log.ts';
import { builtBundles } from './built-bundles.ts';
import { until } from './until.ts';
import { createLocalRunFolder, rootDir } from './local-run.ts';
import { startTestDatabase, type TestDatabase } from './test-database.ts';
import { startTestNats } from './test-nats.ts';

const routes = [
  ['processor/state/sync', 'processor_state_sync', 'processor.state.sync'],
  ['processor/state/router', 'processor_state_router', 'processor.state.router'],
  ['processor/monitor', 'processor_monitor', 'processor.monitor'],
  ['test/processors/*', 'test_processors', 'test.processors'],
] as const;

const limits = '{ backoffInitialMs: 20, backoffMaxMs: 100, lingerMs: 20 }';
const routingText = [
  'messageConfig:',
  '  routes:',
  ...routes.map(
    ([selector, name, subject]) => `    - { selector: ${selector}, name: ${name}, url: nats://x, subject: ${subject} }`,
  ),
  'triggers:',
  `  - { selector: processor/state/sync, function: state-direct, types: [query_state_direct], key: state_id, limits: ${limits} }`,
  `  - { selector: processor/state/sync, function: state-route, types: [query_state_route], key: route_id, limits: ${limits} }`,
  `  - { selector: processor/state/router, function: state-entry, types: [query_state_entry], key: route_id, limits: ${limits} }`,
  '',
].join('\n');

export interface Traceparent {
  readonly traceId: string;
  readonly spanId: string;
}

export const newTrace = (): Traceparent => ({
  traceId: randomBytes(16).toString('hex'),
  spanId: randomBytes(8).toString('hex'),
});

/** The whole store as `npm start` runs it, every part a process of its own, and a client that plays the processors. */
export interface TracedStack {
  readonly stack: Stack;
  readonly database: TestDatabase;
  readonly nats: NatsConnection;
  /** Lines that the processes wrote. */
  readonly lines: readonly string[];
  /** Publishes messages in one go, each with its headers, as given: names keep their case. */
  publish(
    messages: readonly { readonly body: string; readonly headers?: Readonly<Record<string, string>> }[],
  ): Promise<void>;
  /** Reports the producer's own span. */
  reportProducer(trace: Traceparent): Promise<void>;
  /** The spans of a trace once the condition holds for them. */
  trace(traceId: string, isWhole: (spans: readonly CollectedSpan[]) => boolean): Promise<readonly CollectedSpan[]>;
  close(): Promise<void>;
}

/** Where spans go instead of the stack's own collector, and how they are read there. */
export interface SpanStore {
  readonly otlpUrl: string;
  trace(traceId: string): Promise<readonly CollectedSpan[]>;
}

export const startTracedStack = async (spanStore?: SpanStore): Promise<TracedStack> => {
  const [database, server, runs, distDir] = await Promise.all([
    startTestDatabase({ migrated: false }),
    startTestNats(),
    createLocalRunFolder(),
    builtBundles(),
  ]);
  const routingFile = join(runs.folder, 'test-routing.yaml');
  await writeFile(routingFile, routingText);
  const { OTEL_EXPORTER_OTLP_ENDPOINT: _endpoint, ...rest } = process.env;
  const full = {
    ...rest,
    DATABASE_URL: database.url,
    MSG_URL: server.url,
    GATEWAY_PORT: '0',
    ROUTING_FILE: routingFile,
    OTEL_BSP_SCHEDULE_DELAY: '100',
    ...(spanStore === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: spanStore.otlpUrl }),
  };
  const guard = createOrphanGuard();
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  const stack = await startStack({
    rootDir,
    cacheDir: runs.folder,
    distDir,
    env: full,
    settings: readLocalSettings(full),
    progress: createProgress(
      () => undefined,
      () => performance.now(),
    ),
    log: createLog({ service: 'test', level: 'WARNING', write, nowMs: Date.now }),
    onLine: (name, line) => write(`${name}: ${line}`),
    guard,
    signal: new AbortController().signal,
  });
  const nats = await connectNats({ url: server.url, name: 'test' });
  for (const [, stream, baseSubject] of routes) await ensureStream(nats, { stream, baseSubject });
  const publishOne = async (body: string, headers: Readonly<Record<string, string>>): Promise<void> => {
    await nats.jetstream().publish('processor.state.sync', body, { headers: buildHeaders(Object.entries(headers)) });
  };
  return {
    stack,
    database,
    nats,
    lines,
    publish: async (messages) => {
      await Promise.all(messages.map(({ body, headers = {} }) => publishOne(body, headers)));
    },
    reportProducer: (trace) =>
      exportProducerSpan(spanStore?.otlpUrl ?? stack.collector!.url, {
        ...trace,
        subject: 'processor.state.sync',
        startMs: Date.now() - 5,
        endMs: Date.now(),
      }),
    trace: async (traceId, isWhole) => {
      let spans: readonly CollectedSpan[] = [];
      const look = async (): Promise<boolean> => {
        spans = spanStore === undefined ? stack.collector!.trace(traceId) : await spanStore.trace(traceId);
        return isWhole(spans);
      };
      await until('a whole trace', look).catch((error: unknown) => {
        const names = spans.map(({ name }) => name).join(', ');
        throw new Error(`${String(error)}: ${names}\n${lines.slice(-20).join('\n')}`);
      });
      return spans;
    },
    close: async () => {
      await nats.close();
      await stack.stop();
      guard.close();
      await Promise.all([database.stop(), server.close()]);
      await runs.remove();
    },
  };
};
