import { ConfigError } from '../config/settings.ts';
import { readFunctionConfig, settingSource, type FunctionConfig } from '../config/function-config.ts';
import { createLog, errorFields, type Log } from '../telemetry/log.ts';
import { hasToken } from '../http/check-token.ts';
import { stopOnSignals } from '../process/stop-on-signals.ts';
import {
  errorReply,
  startHttpServer,
  type HttpReply,
  type HttpRequest,
  type HttpServer,
  type HttpStream,
} from '../http/http-server.ts';

/** What a function needs from its process. */
export interface FunctionRuntime {
  readonly name: string;
  readonly config: FunctionConfig;
  readonly log: Log;
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Milliseconds since some moment: for durations, because no step of the machine's clock changes it. */
  readonly monotonicMs: () => number;
}

/** A loaded function. */
export interface FunctionApp {
  handle(request: HttpRequest): Promise<HttpReply | HttpStream>;
  /** Prometheus text for `/metrics`. */
  metrics(): string | Promise<string>;
  /** Ends connections and sends buffered spans. */
  close(): Promise<void>;
}

export interface FunctionDefinition {
  readonly name: string;
  /** Loads the parts of the function; called when the port is asked for, and again by a request if that failed. */
  load(runtime: FunctionRuntime): Promise<FunctionApp>;
  /** Paths that answer without the shared token, beside health: the page itself, which holds no data. */
  readonly openPaths?: readonly string[];
}

/** For the end of connections and the last spans, once the requests have had their time. */
const closeMs = 8_000;

/**
 * Runs a function as a process. It checks its settings, listens, and loads its parts meanwhile. So the port is open about as
 * soon as a bare server's would be, and a first request waits only for what it needs. On SIGTERM and SIGINT it drains and ends,
 * whatever hangs. It exits 1 with every configuration fault listed at once, or if the port cannot be had.
 */
export const runFunction = async (definition: FunctionDefinition, env: NodeJS.ProcessEnv): Promise<void> => {
  const write = (line: string): void => void process.stderr.write(line);
  const read = readConfig(definition.name, env, write);
  if (read === undefined) return;
  const { config, warnings } = read;
  const log = createLog({ service: definition.name, level: config.logLevel, write, nowMs: Date.now });
  if (config.functionToken === undefined) {
    log.warn('open_function', { reason: 'FUNCTION_TOKEN is not set: whoever reaches the port may call this function' });
  }
  for (const reason of warnings) log.warn('configuration', { reason });
  const clocks = { nowMs: Date.now, monotonicMs: () => performance.now() };
  const loader = createLoader(() => definition.load({ name: definition.name, config, log, env, ...clocks }));
  const starting = startServer(definition, config, log, loader);
  // The port opens with the next turn of the event loop: what can be asked of others is on its way by then.
  const loading = loader.load().catch((error: unknown) => {
    const faults = (error as { faults?: readonly string[] } | null)?.faults;
    if (faults === undefined) return log.error('load_failed', errorFields(error));
    for (const fault of faults) log.error('configuration', { reason: fault });
    process.exit(1);
  });
  const server = await starting.catch((error: unknown) => {
    log.error('cannot_listen', errorFields(error));
    return process.exit(1);
  });
  log.debug('listening', { port: server.port });

  stopOnSignals({
    limitMs: config.drainMs + closeMs,
    stop: async (signal) => {
      log.debug('stopping', { signal });
      await server.close(config.drainMs);
      await loader.loaded()?.close();
    },
    onUnfinished: (afterMs) => log.warn('stop_unfinished', { afterMs }),
    onFailed: (error) => log.error('stop_failed', errorFields(error)),
  });
  await loading;
};

interface ReadConfig {
  readonly config: FunctionConfig;
  readonly warnings: readonly string[];
}

/** Undefined if a setting is wrong: every fault is in the log then, and the process will exit 1. */
const readConfig = (service: string, env: NodeJS.ProcessEnv, write: (line: string) => void): ReadConfig | undefined => {
  const warnings: string[] = [];
  try {
    return { config: readFunctionConfig(settingSource(env, (warning) => warnings.push(warning))), warnings };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const log = createLog({ service, level: 'ERROR', write, nowMs: Date.now });
    for (const fault of error.faults) log.error('configuration', { reason: fault });
    process.exitCode = 1;
    return undefined;
  }
};

interface Loader {
  /** Undefined until it is loaded. */
  loaded(): FunctionApp | undefined;
  load(): Promise<FunctionApp>;
}

/** A load that failed (a routing file that is not mounted yet) is tried again by the next request. */
const createLoader = (open: () => Promise<FunctionApp>): Loader => {
  let loaded: FunctionApp | undefined;
  let loading: Promise<FunctionApp> | undefined;
  return {
    loaded: () => loaded,
    load: () => {
      loading ??= open().then(
        (app) => (loaded = app),
        (error: unknown) => {
          loading = undefined;
          throw error;
        },
      );
      return loading;
    },
  };
};

const startServer = (
  definition: FunctionDefinition,
  config: FunctionConfig,
  log: Log,
  loader: Loader,
): Promise<HttpServer> => {
  return startHttpServer({
    port: config.port,
    host: config.host,
    maxBodyBytes: config.maxBodyBytes,
    maxBufferedBytes: config.maxBufferedBytes,
    requestTimeoutMs: 60_000,
    isReady: () => loader.loaded() !== undefined,
    onError: (error) => log.error('request_failed', errorFields(error)),
    admit: ({ method, path, headers }) => {
      // What is open is there to be read: nobody sends a body there without the token.
      const isRead = method === 'GET' || method === 'HEAD';
      const isOpen = isRead && (definition.openPaths?.includes(path) === true || path === '/metrics');
      if (isOpen || hasToken(headers, config.functionToken)) return undefined;
      const reason = 'the shared token is missing or wrong';
      return errorReply(401, 'unauthorized', reason, { 'www-authenticate': 'Bearer' });
    },
    handle: async (request) => {
      const app = loader.loaded() ?? (await loader.load());
      if (request.path === '/metrics') {
        const body = await app.metrics();
        return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4' }, body };
      }
      return app.handle(request);
    },
  });
};
