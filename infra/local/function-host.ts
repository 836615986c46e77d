import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { errorFields, type Log } from '../../shared/telemetry/log.ts';
import type { ProcessRegister } from './child-process.ts';
import { forwardRequest, replyAsGateway } from './forward-request.ts';
import {
  createFunctionPool,
  FunctionUnavailableError,
  type FunctionPool,
  type FunctionSpec,
  type FunctionStatus,
} from './function-pool.ts';
import { gatewayAnswer, type GatewayAnswer, type GatewayBehaviour, type GatewayEvent } from './gateway-behaviour.ts';

export interface FunctionHostOptions {
  readonly functions: readonly FunctionSpec[];
  /** 0 (the default) takes a free one. */
  readonly port?: number;
  /** Environment of every function; PORT is added per process. */
  readonly env: NodeJS.ProcessEnv;
  readonly nodePath?: string;
  /** A function without calls for this long is stopped; default 30 s. */
  readonly idleMs?: number;
  readonly startTimeoutMs?: number;
  /** Longest call; then 502. */
  readonly callTimeoutMs?: number;
  /** Whose gateway it behaves as when it answers by itself; default `local`. */
  readonly behaviour?: GatewayBehaviour;
  /** How long a process that has ended still gets calls, as an endpoint of a cluster does; default 0. */
  readonly endpointLagMs?: number;
  /** How long calls in flight may take to end once a process, or the host, is asked to stop. */
  readonly graceMs?: number;
  readonly log: Log;
  /** Lines the functions write; by default they are dropped. */
  readonly onLine?: (name: string, line: string) => void;
  readonly nowMs?: () => number;
  readonly register?: ProcessRegister;
}

export interface FunctionHost {
  readonly url: string;
  readonly port: number;
  functions(): readonly FunctionStatus[];
  /** Takes no more calls, lets those in flight end, then stops every process. */
  readonly close: () => Promise<void>;
}

const functionPath = /^\/function\/([A-Za-z0-9_-]+)(?:\.[A-Za-z0-9_-]+)?(\/[^?]*)?(\?.*)?$/;

/**
 * Runs functions behind `/function/<name>` on 127.0.0.1 as an OpenFaaS gateway does. Each is a process of its own:
 * started at the first call, stopped when idle, started again when it dies. 404 is an unknown function, 502 a call that
 * failed on its way, 503 (with Retry-After) a function that cannot start. `/system/functions` lists them. `/healthz` is
 * the host's own.
 */
export const startFunctionHost = async (options: FunctionHostOptions): Promise<FunctionHost> => {
  const graceMs = options.graceMs ?? 10_000;
  const callTimeoutMs = options.callTimeoutMs ?? 60_000;
  const behaviour = options.behaviour ?? 'local';
  const answer = (event: GatewayEvent, name: string, reason: string): GatewayAnswer =>
    gatewayAnswer(behaviour, event, name, reason);
  const pools = new Map<string, FunctionPool>();
  for (const spec of options.functions) {
    pools.set(
      spec.name,
      createFunctionPool(spec, {
        nodePath: options.nodePath ?? process.execPath,
        env: options.env,
        idleMs: options.idleMs ?? 30_000,
        startTimeoutMs: options.startTimeoutMs ?? 15_000,
        graceMs,
        endpointLagMs: options.endpointLagMs ?? 0,
        log: options.log,
        onLine: options.onLine ?? (() => undefined),
        nowMs: options.nowMs ?? Date.now,
        ...(options.register === undefined ? {} : { register: options.register }),
      }),
    );
  }
  const functions = (): readonly FunctionStatus[] => [...pools.values()].map((pool) => pool.status());

  const call = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, name = '', path = '/', query = ''] = functionPath.exec(incoming.url ?? '') ?? [];
    const pool = pools.get(name);
    if (pool === undefined) {
      replyAsGateway(response, answer('unknown function', name, `no function at ${incoming.url ?? ''}`));
      return;
    }
    response.setHeader('x-call-id', incoming.headers['x-call-id'] ?? randomUUID());
    const lease = await pool.acquire();
    try {
      if (!response.destroyed)
        await forwardRequest(
          incoming,
          response,
          lease.replica,
          `${path}${query}`,
          callTimeoutMs,
          (event, reason) => answer(event, name, reason),
          lease.refused,
        );
    } finally {
      lease.release();
    }
  };

  let closed: Promise<void> | undefined;
  const server = createServer((incoming, response) => {
    if (closed !== undefined) response.setHeader('connection', 'close');
    const path = incoming.url?.split('?', 1)[0];
    if (path === '/healthz') response.end('OK\n');
    else if (path === '/system/functions') replyJson(response, functions());
    else {
      call(incoming, response).catch((error: unknown) => {
        if (error instanceof FunctionUnavailableError) {
          const seconds = String(Math.ceil(error.retryAfterMs / 1_000));
          const headers: Record<string, string> = behaviour === 'local' ? { 'retry-after': seconds } : {};
          replyAsGateway(response, answer('no endpoint', functionNameIn(incoming.url), error.message), headers);
        } else {
          options.log.error('call_failed_in_host', errorFields(error));
          replyAsGateway(response, answer('internal error', functionNameIn(incoming.url), ''));
        }
      });
    }
  });
  // The call's own limit is callTimeoutMs; a second, shorter one here would cut slow uploads.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the function host has no port');

  const close = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
    server.closeIdleConnections();
    // A connection that was busy when we stopped listening turns idle later, and would hold the server open till then.
    const sweep = setInterval(() => {
      server.closeIdleConnections();
    }, 20);
    const timer = setTimeout(() => {
      server.closeAllConnections();
    }, graceMs);
    await ended;
    clearInterval(sweep);
    clearTimeout(timer);
    await Promise.all([...pools.values()].map((pool) => pool.close()));
  };
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    port: address.port,
    functions,
    close: () => (closed ??= close()),
  };
};

const replyJson = (response: ServerResponse, value: unknown): void => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
};

const functionNameIn = (url: string | undefined): string => functionPath.exec(url ?? '')?.[1] ?? '';
