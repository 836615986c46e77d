import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createManage } from '../../functions/manage/manage.ts';
import { createStateDirect } from '../../functions/state-direct/state-direct.ts';
import { createStateEntry } from '../../functions/state-entry/state-entry.ts';
import { createStateRoute } from '../../functions/state-route/state-route.ts';
import { systemClock } from '../../infra/connector/clock.ts';
import { createConnector, type Connector } from '../../infra/connector/create-connector.ts';
import { buildPage } from '../../infra/image/build-page.ts';
import { readFunctionConfig } from '../../shared/config/function-config.ts';
import { hasToken } from '../../shared/http/check-token.ts';
import {
  errorReply,
  startHttpServer,
  type HttpReply,
  type HttpRequest,
  type HttpServer,
} from '../../shared/http/http-server.ts';
import type { FunctionApp, FunctionRuntime } from '../../shared/function/run-function.ts';
import { readRouting } from '../../shared/config/read-routing.ts';
import { createLog } from '../../shared/telemetry/log.ts';

const functions: Readonly<Record<string, (runtime: FunctionRuntime) => Promise<FunctionApp>>> = {
  'state-direct': createStateDirect,
  'state-route': createStateRoute,
  'state-entry': createStateEntry,
  manage: (runtime) => createManage(runtime, buildPage),
};

export const storeToken = 'the shared token';

/** The whole store in this process, on servers of the test: functions behind a gateway, and a connector. */
export interface TestStore {
  readonly gatewayUrl: string;
  readonly routingFile: string;
  readonly folder: string;
  /** What the command line needs to reach it. */
  readonly env: Readonly<Record<string, string>>;
  readonly logLines: readonly string[];
  clearLog(): void;
  startConnector(): Promise<Connector>;
  /** From now on the gateway answers 502 to calls of the function, or no more. */
  setDead(functionName: string, isDead: boolean): void;
  /** From now on calls of the function go to another gateway, or no more. */
  redirect(functionName: string, gatewayUrl: string | undefined): void;
  close(): Promise<void>;
}

/** Tries are quick and few, so that a message that cannot be stored is given up within a second. */
const routingText = (natsUrl: string): string => `
messageConfig:
  routes:
    - { selector: processor/state/sync, name: processor_state_sync, url: "${natsUrl}", subject: processor.state.sync }
    - { selector: processor/state/router, name: processor_state_router, url: "${natsUrl}", subject: processor.state.router }
    - { selector: processor/monitor, name: processor_monitor, url: "${natsUrl}", subject: processor.monitor }
    - { selector: test/processors/*, name: test_processors, url: "${natsUrl}", subject: test.processors }
triggers:
${[
  ['processor/state/sync', 'state-direct', 'query_state_direct', 'state_id'],
  ['processor/state/sync', 'state-route', 'query_state_route', 'route_id'],
  ['processor/state/router', 'state-entry', 'query_state_entry', 'route_id'],
]
  .map(
    ([selector, name, type, key]) =>
      `  - { selector: ${selector}, function: ${name}, types: [${type}], key: ${key}, limits: { maxAttempts: 3, backoffInitialMs: 20, backoffMaxMs: 50 } }`,
  )
  .join('\n')}
`;

export const startTestStore = async (options: {
  readonly natsUrl: string;
  readonly databaseUrl: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The time of functions and connectors; milliseconds since 1970. */
  readonly nowMs?: () => number;
}): Promise<TestStore> => {
  const folder = await mkdtemp(join(tmpdir(), 'store-'));
  const routingFile = join(folder, 'routing.yaml');
  await writeFile(routingFile, routingText(options.natsUrl));
  const { nowMs = Date.now } = options;
  const logLines: string[] = [];
  const log = createLog({ service: 'store', level: 'INFO', write: (line) => logLines.push(line), nowMs });
  const env: Record<string, string> = {
    DATABASE_URL: options.databaseUrl,
    MSG_URL: options.natsUrl,
    ROUTING_FILE: routingFile,
    FUNCTION_TOKEN: storeToken,
    CACHE_TTL_SECONDS: '0',
    OTEL_TRACES_EXPORTER: 'none',
    SECRETS_DIR: folder,
    CACHE_DIR: folder,
    ...options.env,
  };
  const apps = new Map<string, Promise<FunctionApp>>();
  const calls = new Map<string, number>();
  const dead = new Set<string>();
  const redirected = new Map<string, string>();
  let gateway: HttpServer;
  const load = (name: string): Promise<FunctionApp> => {
    const loaded = apps.get(name);
    if (loaded !== undefined) return loaded;
    const own = { ...env, GATEWAY_URL: `http://127.0.0.1:${gateway.port}` };
    const config = readFunctionConfig({ env: own, secretsDir: folder });
    const loading = functions[name]!({
      name,
      config,
      log,
      env: own,
      nowMs,
      monotonicMs: () => performance.now(),
    });
    apps.set(name, loading);
    return loading;
  };
  gateway = await startHttpServer({
    port: 0,
    host: '127.0.0.1',
    maxBodyBytes: 8 * 1024 * 1024,
    requestTimeoutMs: 10_000,
    isReady: () => true,
    onError: (error) => logLines.push(`${String(error)}\n`),
    handle: async (request) => {
      if (request.path === '/system/functions') {
        const list = Object.keys(functions).map((name) => ({
          name,
          replicas: apps.has(name) ? 1 : 0,
          availableReplicas: apps.has(name) ? 1 : 0,
          invocationCount: calls.get(name) ?? 0,
          coldStarts: apps.has(name) ? 1 : 0,
        }));
        return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(list) };
      }
      const [, name = '', path = '/'] = /^\/function\/([a-z-]+)(\/.*)?$/.exec(request.path) ?? [];
      if (functions[name] === undefined) return { status: 404, body: 'no such function' };
      if (dead.has(name)) return { status: 502, body: 'dial tcp: connection refused' };
      const elsewhere = redirected.get(name);
      if (elsewhere !== undefined) return await passOn(`${elsewhere}/function/${name}${path}`, request);
      if (path === '/healthz') return { status: 200, body: 'OK' };
      calls.set(name, (calls.get(name) ?? 0) + 1);
      const isPage = name === 'manage' && path === '/';
      if (!isPage && !hasToken(request.headers, storeToken)) return errorReply(401, 'unauthorized', 'no token');
      return (await load(name)).handle({ ...request, path });
    },
  });
  const gatewayUrl = `http://127.0.0.1:${gateway.port}`;
  const connectors: Connector[] = [];
  return {
    gatewayUrl,
    routingFile,
    folder,
    env: { ...env, GATEWAY_URL: gatewayUrl },
    logLines,
    clearLog: () => void logLines.splice(0),
    setDead: (functionName, isDead) => void (isDead ? dead.add(functionName) : dead.delete(functionName)),
    redirect: (functionName, url) =>
      void (url === undefined ? redirected.delete(functionName) : redirected.set(functionName, url)),
    startConnector: async () => {
      const routing = await readRouting(routingFile);
      const connector = createConnector({
        routing,
        gatewayUrl,
        log,
        functionToken: storeToken,
        clock: { ...systemClock, epochMs: nowMs },
        manageTopic: readFunctionConfig({ env, secretsDir: folder }).manageTopic,
      });
      connectors.push(connector);
      await connector.start();
      return connector;
    },
    close: async () => {
      for (const connector of connectors) await connector.stop(500);
      await gateway.close(500);
      for (const app of apps.values()) await (await app).close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

const passOn = async (url: string, { method, headers, body }: HttpRequest): Promise<HttpReply> => {
  const own = Object.entries(headers).filter(([name]) => name === 'authorization' || name === 'content-type');
  const init = { method, headers: Object.fromEntries(own) as Record<string, string> };
  const answer = await fetch(url, method === 'POST' ? { ...init, body } : init);
  return { status: answer.status, body: await answer.text() };
};
