import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startFunctionHost } from '../../infra/local/function-host.ts';
import { startNats } from '../../infra/local/nats-server.ts';
import { startReplica, type Replica } from '../../infra/local/function-replica.ts';
import { connectNats, type NatsConnection } from '../../shared/nats/connect.ts';
import { ensureStream } from '../../shared/nats/ensure-stream.ts';
import { createJetStreamPublisher } from '../../shared/nats/jetstream-publisher.ts';
import type { OutgoingMessage } from '../../shared/message/outgoing-message.ts';
import { natsCacheDir } from '../support/test-nats.ts';
import type { BenchContext } from './bench.ts';

const syncStream = 'processor_state_sync';
const syncSubject = 'processor.state.sync';
const streams = [
  { stream: syncStream, baseSubject: syncSubject },
  { stream: 'processor_state_router', baseSubject: 'processor.state.router' },
  { stream: 'processor_monitor', baseSubject: 'processor.monitor' },
];

/** Routes of the store itself; nothing reads what is forwarded. */
const routingFor = (url: string, limits = ''): string => `messageConfig:
  routes:
${streams
  .map(({ stream, baseSubject }) => {
    const selector = stream.replaceAll('_', '/');
    return `    - { selector: ${selector}, name: ${stream}, url: '${url}', subject: ${baseSubject}, batch_size: 500 }`;
  })
  .join('\n')}
triggers:
  - { selector: processor/state/sync, function: state-route, types: [query_state_route], key: route_id${limits} }
`;

const run = promisify(execFile);

/** Resident memory of a process in MB. */
export const residentMegabytes = async (pid: number): Promise<number> => {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout.trim()) / 1_024;
};

const sink = async (): Promise<{ readonly url: string; readonly close: () => Promise<void> }> => {
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
};

export interface SystemOptions {
  readonly databaseUrl: string;
  /** Where set, they stand behind a gateway, which runs in this process; else the connector calls the function itself. */
  readonly replicas?: number;
  /** Spans go to a collector that drops them. */
  readonly tracing?: boolean;
  /** Stands for the function, if its own work is not what is measured. */
  readonly gatewayUrl?: string;
  /** Takes the place of connector and functions: starts a process that reads the stream and acks. */
  readonly consumer?: (natsUrl: string, stream: string) => Promise<Consumer>;
  /** Connectors; default 1. */
  readonly connectors?: number;
  /** More of the section `triggers` of the routing file. */
  readonly triggerLimits?: string;
}

/** Connector and function as separate processes, and a client that publishes and sees every ack. */
export interface System {
  /** The first one, or what stands for it. */
  readonly connector: Pick<Replica, 'pid'>;
  readonly connectors: readonly number[];
  readonly functions: readonly number[];
  readonly routingFile: string;
  readonly natsUrl: string;
  readonly nats: NatsConnection;
  publish(payloads: readonly BenchMessage[]): Promise<void>;
  /** Acks that the connector has sent since the start. */
  acked(): number;
  /** Resolves, with the time, when so many acks have been sent since the start. */
  whenAcked(count: number): Promise<number>;
  readonly close: () => Promise<void>;
}

export interface BenchMessage {
  readonly payload: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A process that reads the stream. */
export interface Consumer {
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

let messageCounter = 0;
let systemCounter = 0;

const startFunctions = async (
  context: BenchContext,
  options: SystemOptions,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly url: string; readonly pids: readonly number[]; readonly close: () => Promise<void> }> => {
  const entry = join(context.distDir, 'state-route', 'index.js');
  const { onLine } = context;
  if (options.gatewayUrl !== undefined) return { url: options.gatewayUrl, pids: [], close: async () => undefined };
  if (options.replicas !== undefined) {
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: context.onLine };
    const functions = [{ name: 'state-route', entry, replicas: options.replicas }];
    const host = await startFunctionHost({
      functions,
      env,
      idleMs: 600_000,
      log,
      register: context.processes,
      onLine: (_name, line) => onLine(line),
    });
    return { url: host.url, pids: [], close: host.close };
  }
  const replica = await startReplica({
    nodePath: process.execPath,
    entry,
    env,
    startTimeoutMs: 30_000,
    onLine,
    register: context.processes,
    signal: context.signal,
  });
  // The function answers on every path: no gateway stands between.
  return { url: `http://127.0.0.1:${replica.port}`, pids: [replica.pid], close: () => replica.stop(5_000) };
};

const startConnector = async (context: BenchContext, env: NodeJS.ProcessEnv): Promise<Consumer> => {
  const { pid, stop } = await startReplica({
    nodePath: process.execPath,
    entry: join(context.distDir, 'connector', 'index.js'),
    env,
    startTimeoutMs: 30_000,
    onLine: context.onLine,
    register: context.processes,
    signal: context.signal,
  });
  return { pid, stop: () => stop(5_000) };
};

export const startSystem = async (context: BenchContext, options: SystemOptions): Promise<System> => {
  const closes: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closes.splice(0).toReversed()) await one();
  };
  context.signal.throwIfAborted();
  try {
    systemCounter += 1;
    // A server of its own: streams made again under their names can find what the deleted ones held.
    const storeDir = join(context.folder, `nats-${systemCounter}`);
    const server = await startNats({ storeDir, cacheDir: natsCacheDir, binary: context.natsBinary });
    const { pid } = server;
    if (pid !== undefined) context.processes.add(pid);
    const stopServer = async (): Promise<void> => {
      await server.stop();
      if (pid !== undefined) context.processes.remove(pid);
    };
    closes.push(() => rm(storeDir, { recursive: true, force: true, maxRetries: 5 }), stopServer);
    const nats = await connectNats({ url: server.url, name: 'bench' });
    closes.push(() => nats.close());
    for (const wanted of streams) await ensureStream(nats, wanted);
    const routingFile = join(context.folder, `routing-${systemCounter}.yaml`);
    await writeFile(routingFile, routingFor(server.url, options.triggerLimits));
    const collector = options.tracing === true ? await sink() : undefined;
    if (collector !== undefined) closes.push(collector.close);
    const env: NodeJS.ProcessEnv = {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      DATABASE_URL: options.databaseUrl,
      MSG_URL: server.url,
      ROUTING_FILE: routingFile,
      LOG_LEVEL: 'WARNING',
      OTEL_BSP_MAX_QUEUE_SIZE: '16384',
      ...(collector === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
    };
    const consumers: Consumer[] = [];
    const startConsumer = async (start: () => Promise<Consumer>): Promise<void> => {
      const consumer = await start();
      consumers.push(consumer);
      closes.push(consumer.stop);
    };
    let functionPids: readonly number[] = [];
    const { consumer: ownConsumer } = options;
    if (ownConsumer !== undefined) await startConsumer(() => ownConsumer(server.url, syncStream));
    else {
      const functions = await startFunctions(context, options, env);
      closes.push(functions.close);
      functionPids = functions.pids;
      for (let count = 0; count < (options.connectors ?? 1); count += 1) {
        await startConsumer(() => startConnector(context, { ...env, GATEWAY_URL: functions.url }));
      }
    }

    let acks = 0;
    let waiting: { readonly count: number; readonly resolve: (atMs: number) => void } | undefined;
    nats.subscribe(`$JS.ACK.${syncStream}.>`, {
      callback: (_error, { data }) => {
        // '+ACK', or nothing at all; not '+WPI'.
        if (data.length > 0 && (data.length !== 4 || data[1] !== 65)) return;
        acks += 1;
        if (waiting === undefined || acks < waiting.count) return;
        waiting.resolve(performance.now());
        waiting = undefined;
      },
    });
    await nats.flush();
    const publisher = createJetStreamPublisher(nats);
    closes.push(() => publisher.close());
    return {
      connector: consumers[0]!,
      connectors: consumers.map(({ pid }) => pid),
      functions: functionPids,
      routingFile,
      natsUrl: server.url,
      nats,
      publish: async (messages) => {
        const outcomes = await publisher.publish(
          messages.map(({ payload, headers }): OutgoingMessage => {
            const id = `bench-${++messageCounter}`;
            const { stream, baseSubject } = streams[0]!;
            return { stream, baseSubject, subject: baseSubject, payload, id, ...(headers ? { headers } : {}) };
          }),
        );
        for (const outcome of outcomes) if (!outcome.ok) throw outcome.error;
      },
      acked: () => acks,
      whenAcked: (count) =>
        acks >= count
          ? Promise.resolve(performance.now())
          : new Promise((resolve, reject) => {
              const timer = setTimeout(() => reject(new Error(`${acks} of ${count} messages acked`)), 600_000);
              waiting = {
                count,
                resolve: (atMs) => {
                  clearTimeout(timer);
                  resolve(atMs);
                },
              };
            }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};

/** Seconds until a backlog, published while the connector stands still, has been acked to the last message. */
export const drainBacklog = async (system: System, messages: readonly BenchMessage[]): Promise<number> => {
  const before = system.acked();
  for (const pid of system.connectors) process.kill(pid, 'SIGSTOP');
  try {
    await system.publish(messages);
  } finally {
    for (const pid of system.connectors) process.kill(pid, 'SIGCONT');
  }
  const startedMs = performance.now();
  const endedMs = await system.whenAcked(before + messages.length);
  return (endedMs - startedMs) / 1_000;
};
