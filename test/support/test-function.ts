import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readFunctionConfig } from '../../shared/config/function-config.ts';
import type { HttpReply } from '../../shared/http/http-server.ts';
import type { FunctionApp, FunctionRuntime } from '../../shared/function/run-function.ts';
import type { BatchReply, Outcome } from '../../shared/message/outcome.ts';
import { createLog } from '../../shared/telemetry/log.ts';

/** A function's composition as `main.ts` loads it, called without the socket. */
export interface TestFunction {
  /** Posts messages as the connector does: one CloudEvents batch, one identity for each payload. */
  post(payloads: readonly (string | { readonly id: string; readonly body: string })[]): Promise<readonly Outcome[]>;
  postBare(body: string, headers?: Readonly<Record<string, string>>): Promise<HttpReply>;
  readonly logLines: readonly string[];
  close(): Promise<void>;
}

export interface TestFunctionOptions {
  readonly create: (runtime: FunctionRuntime) => Promise<FunctionApp>;
  readonly name: string;
  readonly databaseUrl: string;
  readonly natsUrl: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Text of the routing file; default: the routes of the store itself. */
  readonly routing?: string;
}

export const storeRouting = `messageConfig:
  routes:
    - { selector: processor/state/sync, name: processor_state_sync, url: nats://127.0.0.1, subject: processor.state.sync }
    - { selector: processor/state/router, name: processor_state_router, url: nats://127.0.0.1, subject: processor.state.router }
    - { selector: processor/monitor, name: processor_monitor, url: nats://127.0.0.1, subject: processor.monitor }
    - { selector: test/processors/*, name: test_processors, url: nats://127.0.0.1, subject: test.processors }
`;

let sequence = 0;

const eventOf = ({ id, body }: { readonly id: string; readonly body: string }): string =>
  JSON.stringify({
    specversion: '1.0',
    id,
    source: '/nats/processor_state_sync',
    type: 'ism.test',
    subject: 'processor.state.sync',
    time: '2026-01-02T03:04:05.000Z',
    data_base64: Buffer.from(body).toString('base64'),
  });

/** Starts the composition of one function against real servers. */
export const startTestFunction = async (options: TestFunctionOptions): Promise<TestFunction> => {
  const folder = await mkdtemp(join(tmpdir(), 'function-'));
  const routingFile = join(folder, 'routing.yaml');
  await writeFile(routingFile, options.routing ?? storeRouting);
  const env: Record<string, string> = {
    DATABASE_URL: options.databaseUrl,
    MSG_URL: options.natsUrl,
    ROUTING_FILE: routingFile,
    OTEL_TRACES_EXPORTER: 'none',
    ...options.env,
  };
  const logLines: string[] = [];
  const app = await options.create({
    name: options.name,
    config: readFunctionConfig({ env, secretsDir: folder }),
    log: createLog({
      service: options.name,
      level: 'INFO',
      write: (line) => void logLines.push(line),
      nowMs: Date.now,
    }),
    env,
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
  });
  const call = async (headers: Readonly<Record<string, string>>, body: string): Promise<HttpReply> => {
    const reply = await app.handle({ method: 'POST', path: '/', query: '', headers, body: Buffer.from(body) });
    if (!('body' in reply)) throw new Error('a stream is no answer to a message');
    return reply;
  };
  return {
    post: async (payloads) => {
      const events = payloads.map((payload) =>
        eventOf(typeof payload === 'string' ? { id: `test/${(sequence += 1)}`, body: payload } : payload),
      );
      const reply = await call({ 'content-type': 'application/cloudevents-batch+json' }, `[${events.join(',')}]`);
      return (JSON.parse(String(reply.body)) as BatchReply).results;
    },
    postBare: (body, headers = {}) => call(headers, body),
    logLines,
    close: async () => {
      await app.close();
      await rm(folder, { recursive: true });
    },
  };
};
