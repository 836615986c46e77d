import { hasToken } from '../../shared/http/check-token.ts';
import { errorReply, type HttpReply, type HttpRequest, type HttpStream } from '../../shared/http/http-server.ts';
import type { FunctionApp, FunctionRuntime } from '../../shared/function/run-function.ts';
import { askReplicas, replicaSubject } from '../../shared/nats/replica-channel.ts';
import { openBus, openPool, openRouting } from '../../shared/function/open-servers.ts';
import { errorFields } from '../../shared/telemetry/log.ts';
import { startTelemetry } from '../../shared/telemetry/start-telemetry.ts';
import { extractContext, SpanKind, withSpan } from '../../shared/telemetry/trace.ts';
import { CommandError } from '../../shared/operate/command-error.ts';
import { readStatus } from '../../shared/operate/commands/status.ts';
import { createLiveStatus } from './live-status.ts';
import type { ManageContext } from '../../shared/operate/manage-context.ts';
import { createManageMetrics, type ManageMetrics } from './manage-metrics.ts';
import { openContext } from '../../shared/operate/open-context.ts';
import { pageReply } from './page-reply.ts';
import { failureReply, runCommand } from '../../shared/operate/run-command.ts';

const liveIntervalMs = 2_000;

const maxPages = 20;
const flushMs = 3_000;
/** `/metrics` asks for no token: however often it is asked, the store is looked at once in this time. */
const scrapeMs = 5_000;

/**
 * The operator's function: `POST /` runs a command, `GET /` is the page, `GET /events` the live status (server-sent
 * events). Everything but the page, which holds no data, asks for the shared token.
 * @param readPage reads the page's document; asked for at the first `GET /`, so that a start does not wait for it
 */
export const createManage = async (runtime: FunctionRuntime, readPage: () => Promise<string>): Promise<FunctionApp> => {
  const { config, log, env, name } = runtime;
  const telemetry = startTelemetry({ serviceName: name, otlpEndpoint: config.otlpEndpoint, env, log });
  const context = await openServers(runtime);
  context.bus.warm();
  const metrics = createManageMetrics(name);
  const live = createLiveStatus({
    read: () => readLive(context),
    intervalMs: liveIntervalMs,
    longestMs: Math.max(1_000, config.deadlineMs - 5_000),
    maxClients: maxPages,
  });

  const recentHealth = sharedFor(scrapeMs, runtime.monotonicMs, async () => (await readStatus(context)).health);

  let page: HttpReply | undefined;

  const handle = async (request: HttpRequest): Promise<HttpReply | HttpStream> => {
    const isGet = request.method === 'GET' || request.method === 'HEAD';
    if (isGet && request.path === '/') return (page ??= pageReply(await readPage()));
    // The page's path is open to everyone, so the token is asked for here too.
    if (!hasToken(request.headers, config.functionToken)) {
      return errorReply(401, 'unauthorized', 'the shared token is missing or wrong', { 'www-authenticate': 'Bearer' });
    }
    if (isGet && request.path === '/events') {
      return live.open() ?? errorReply(503, 'too_many_clients', `${maxPages} pages are open`, { 'retry-after': '10' });
    }
    if (request.path !== '/') return errorReply(404, 'not_found', 'there is GET /, GET /events and POST /');
    if (request.method !== 'POST')
      return errorReply(405, 'method_not_allowed', 'post a command', { allow: 'GET, POST' });
    return await post(request, name, context, metrics);
  };

  return {
    handle,
    metrics: async () => metrics.text(await recentHealth()),
    close: async () => {
      await Promise.allSettled([context.bus.close(), context.pool.end()]);
      await telemetry.shutdown(flushMs);
    },
  };
};

/** Runs one command, in a span of its own, and counts what came of it. */
const post = async (
  request: HttpRequest,
  functionName: string,
  context: ManageContext,
  metrics: ManageMetrics,
): Promise<HttpReply> => {
  let command = 'invalid';
  try {
    const parsed = parseRequest(request);
    const named = (parsed as { readonly command?: unknown } | null)?.command;
    if (typeof named === 'string') command = named.slice(0, 60);
    const result = await withSpan(
      `manage ${command}`,
      extractContext(request.headers),
      { kind: SpanKind.SERVER, attributes: { 'faas.name': functionName, 'ism.manage.command': command } },
      () => runCommand(parsed, { ...context, actor: actorOf(request.headers) }),
    );
    metrics.command('ok');
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: JSON.stringify({ ok: true, result }),
    };
  } catch (error) {
    const reply = failureReply(error);
    metrics.command('failed');
    if (reply.status >= 500) context.onError(command, error);
    return reply;
  }
};

/** Everybody has the same token: a name is known only if a proxy that signs people in tells it. */
const actorOf = (headers: HttpRequest['headers']): string => {
  const name = headers['x-forwarded-user'] ?? headers['x-auth-request-user'] ?? '';
  const where = headers['origin'] === undefined ? 'manage' : 'page';
  // oxlint-disable-next-line no-control-regex
  return name === '' ? where : `${name.replaceAll(/[\u0000-\u001f\u007f]/g, ' ').slice(0, 200)} (${where})`;
};

const openServers = async ({ config, log, env, name, nowMs }: FunctionRuntime): Promise<ManageContext> => {
  const routing = await openRouting(config);
  for (const reason of routing.warnings) log.warn('routing_file', { reason });
  const onError = (doing: string, error: unknown): void => log.warn('manage_failed', { doing, ...errorFields(error) });
  const bus = openBus(config, routing, { name, onError: (error) => onError('nats', error) });
  const pool = openPool(config, env, {
    applicationName: name,
    // Repairs read whole states.
    queryTimeoutMs: 120_000,
    onNote: (reason) => log.warn('database_setting', { reason }),
    onError: (error) => onError('database', error),
  });
  return openContext({ config, env, routing, bus, pool, actor: 'manage', nowMs, onError });
};

const replicaWaitMs = 250;

/** Beside the status, what the warm replicas say of their caches and outcomes. */
const readLive = async (context: ManageContext): Promise<unknown> => {
  const ask = async (command: string): Promise<readonly unknown[]> => {
    try {
      const connection = await context.bus.connection();
      const options = { subject: replicaSubject(context.manageTopic), token: context.token, waitMs: replicaWaitMs };
      return await askReplicas(connection, { command }, options);
    } catch (error) {
      context.onError(`ask the replicas for ${command}`, error);
      return [];
    }
  };
  const [status, replicas, metrics] = await Promise.all([readStatus(context), ask('cache.stats'), ask('metrics')]);
  return { ...status, replicas, metrics, jaegerUrl: context.jaegerUrl ?? null };
};

/** Commands are small; an edited message may have a million characters, most of them ASCII. */
const maxCommandBytes = 2_097_152;

const parseRequest = (request: HttpRequest): unknown => {
  if (request.body.byteLength > maxCommandBytes) {
    throw new CommandError(413, 'payload_too_large', `a command has at most ${maxCommandBytes} bytes`);
  }
  // A page elsewhere can make a browser post, but not as JSON: that takes a permission which is never given.
  const contentType = (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (request.headers['origin'] !== undefined && contentType !== 'application/json') {
    throw new CommandError(403, 'cross_site', 'a browser has to post application/json');
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(request.body));
  } catch (cause) {
    throw new CommandError(400, 'invalid_json', 'the request is not JSON', { cause });
  }
};

/** What the work gives, to all who ask within the time; a failure is given to nobody a second time. */
const sharedFor = <T>(ms: number, nowMs: () => number, work: () => Promise<T>): (() => Promise<T>) => {
  let last: { readonly atMs: number; readonly result: Promise<T> } | undefined;
  return async () => {
    if (last === undefined || nowMs() - last.atMs > ms) last = { atMs: nowMs(), result: work() };
    try {
      return await last.result;
    } catch (error) {
      last = undefined;
      throw error;
    }
  };
};
