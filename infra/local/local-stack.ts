import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { natsSettingNames } from '../../shared/config/nats-settings.ts';
import { connectNats } from '../../shared/nats/connect.ts';
import type { Log } from '../../shared/telemetry/log.ts';
import { buildIfChanged } from '../image/build-if-changed.ts';
import { migrate } from '../postgres/migrate.ts';
import { freePort } from './free-port.ts';
import { startFunctionHost, type FunctionHost } from './function-host.ts';
import { writeLocalRouting } from './local-routing.ts';
import type { LocalSettings } from './local-settings.ts';
import { keepRunning } from './keep-running.ts';
import { startNats, type NatsServer } from './nats-server.ts';
import type { OrphanGuard } from './orphan-guard.ts';
import { startPostgres, type PostgresServer } from './postgres-server.ts';
import type { Progress } from './progress.ts';
import { claimFolder } from './single-start.ts';
import { writeStartedEnvironment } from './started-environment.ts';
import { superviseProcess, type SupervisedProcess } from './supervised-process.ts';
import { startTraceCollector, type TraceCollector } from './trace-collector.ts';

export interface StackOptions {
  readonly rootDir: string;
  /** Data, binaries, secrets and the compile cache; git-ignored. */
  readonly cacheDir: string;
  /** Where the bundles go. */
  readonly distDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly settings: LocalSettings;
  readonly progress: Progress;
  readonly log: Log;
  /** Lines that the processes write. */
  readonly onLine: (process: string, line: string) => void;
  readonly guard: OrphanGuard;
  /** Gives the start up between two steps; what has started is stopped. */
  readonly signal: AbortSignal;
}

export interface Stack {
  readonly natsUrl: string;
  readonly databaseUrl: string;
  readonly gatewayUrl: string;
  readonly functionToken: string;
  /** Holds the token, for people's own calls. */
  readonly functionTokenFile: string;
  readonly routingFile: string;
  readonly host: FunctionHost;
  readonly connector: SupervisedProcess;
  /** Undefined if spans go to a collector of the user's. */
  readonly collector: TraceCollector | undefined;
  /** Where spans go: the collector, or the user's. */
  readonly otlpUrl: string;
  /** Stops everything, the last one started first; harmless when repeated. */
  stop(): Promise<void>;
}

const functionNames = ['state-direct', 'state-route', 'state-entry', 'manage'] as const;

/** Processes drain for up to this long when asked to stop. */
const graceMs = 15_000;

/**
 * Starts the whole store on this machine: PostgreSQL and nats-server (or the ones that DATABASE_URL and MSG_URL name),
 * bundles, schema, trace collector, function host, connector. Rejects with everything stopped again if a step fails.
 */
export const startStack = async (options: StackOptions): Promise<Stack> => {
  const { progress, env, settings, signal } = options;
  const unwind = createUnwind(options.log);
  try {
    unwind.push(await claimFolder(options.cacheDir, 'infra/local/start'));
    // None of the three needs another.
    const [databaseUrl, broker] = await atOnce([
      startDatabaseWithSchema(options, unwind.push),
      startBroker(options, unwind.push),
      progress.step('bundles', () => buildIfChanged(options.distDir)),
    ]);
    signal.throwIfAborted();

    const routingFile = join(options.cacheDir, 'run', 'routing.yaml');
    await writeLocalRouting(settings.routingFile ?? join(options.rootDir, 'routing.yaml'), routingFile, broker);
    const functionToken = settings.functionToken ?? randomBytes(24).toString('base64url');
    const functionTokenFile = join(options.cacheDir, 'run', 'function-token');
    await writeFile(functionTokenFile, `${functionToken}\n`, { mode: 0o600 });
    await mkdir(join(options.cacheDir, 'compile'), { recursive: true });

    let collector: TraceCollector | undefined;
    if (settings.otlpEndpoint === undefined) {
      const started = await startTraceCollector();
      unwind.push(started.close);
      collector = started;
    }
    const gatewayPort = await portFor('the gateway', settings.gatewayPort, options);
    const childEnv: NodeJS.ProcessEnv = {
      ...(broker.embedded ? withoutNats(inherited(env)) : inherited(env)),
      HOST: '127.0.0.1',
      DATABASE_URL: databaseUrl,
      MSG_URL: broker.url,
      ROUTING_FILE: routingFile,
      FUNCTION_TOKEN: functionToken,
      GATEWAY_URL: `http://127.0.0.1:${String(gatewayPort)}`,
      LOG_LEVEL: settings.logLevel,
      CACHE_TTL_SECONDS: String(settings.cacheTtlSeconds),
      NODE_COMPILE_CACHE: join(options.cacheDir, 'compile'),
      ...(collector === undefined
        ? {}
        : { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, JAEGER_QUERY_URL: collector.url }),
    };
    unwind.push(await writeStartedEnvironment(options.cacheDir, childEnv));
    const bundle = (name: string): string => join(options.distDir, name, 'index.js');
    const host = await startFunctionHost({
      functions: functionNames.map((name) => ({ name, entry: bundle(name) })),
      port: gatewayPort,
      env: childEnv,
      idleMs: settings.functionIdleMs,
      graceMs,
      log: options.log,
      onLine: options.onLine,
      register: options.guard,
    });
    unwind.push(host.close);
    signal.throwIfAborted();
    const connector = await progress.step('connector', () =>
      superviseProcess(
        'connector',
        {
          nodePath: process.execPath,
          entry: bundle('connector'),
          env: { ...childEnv, GATEWAY_URL: host.url },
          startTimeoutMs: 30_000,
          onLine: (line) => {
            options.onLine('connector', line);
          },
          register: options.guard,
        },
        options.log,
      ),
    );
    unwind.push(() => connector.stop(graceMs));
    signal.throwIfAborted();
    return {
      natsUrl: broker.url,
      databaseUrl,
      gatewayUrl: host.url,
      functionToken,
      functionTokenFile,
      routingFile,
      host,
      connector,
      collector,
      otlpUrl: collector?.url ?? settings.otlpEndpoint ?? '',
      stop: unwind.run,
    };
  } catch (error) {
    await unwind.run();
    throw error;
  }
};

interface Unwind {
  readonly push: (undo: () => Promise<void>) => void;
  readonly run: () => Promise<void>;
}

/** Undoes what has started, the last one first; one that fails does not keep the others running. */
const createUnwind = (log: Log): Unwind => {
  const undos: (() => Promise<void>)[] = [];
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    for (const undo of undos.splice(0).reverse()) {
      await undo().catch((error: unknown) => {
        log.error('stop_failed', { reason: error instanceof Error ? error.message : String(error) });
      });
    }
  };
  return { push: (undo) => void undos.push(undo), run: () => (running ??= run()) };
};

/** What they resolve to. A rejection comes when all have ended: what has started by then can be stopped. */
const atOnce = async <T extends readonly Promise<unknown>[] | []>(
  steps: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> => {
  await Promise.allSettled(steps);
  return Promise.all(steps);
};

const startDatabaseWithSchema = async (
  options: StackOptions,
  unwind: (undo: () => Promise<void>) => void,
): Promise<string> => {
  const { progress, env, settings, signal } = options;
  const databaseUrl = await startDatabase(options, unwind);
  signal.throwIfAborted();
  await progress
    .step('schema', () => migrate(databaseUrl, { env }))
    .catch((error: unknown) => {
      if (settings.databaseUrl === '') throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`DATABASE_URL: the schema cannot be created there (${reason})`, { cause: error });
    });
  return databaseUrl;
};

const startDatabase = async (options: StackOptions, unwind: (undo: () => Promise<void>) => void): Promise<string> => {
  if (options.settings.databaseUrl !== '') return options.settings.databaseUrl;
  const port = await portFor('PostgreSQL', 5432, options);
  return options.progress.step('PostgreSQL', async (note) => {
    const server: PostgresServer = await startPostgres({
      dataDir: join(options.cacheDir, 'postgres', 'data'),
      port,
      user: 'postgres',
      password: 'postgres1',
      database: 'postgres',
      onLog: (line) => {
        note(line);
        options.onLine('postgres', line);
      },
      onEnded: keepRunning('PostgreSQL', () => server.restart('immediate'), {
        say: options.progress.say,
        signal: options.signal,
      }),
    });
    unwind(server.stop);
    return server.url;
  });
};

const startBroker = async (
  options: StackOptions,
  unwind: (undo: () => Promise<void>) => void,
): Promise<{ readonly url: string; readonly embedded: boolean }> => {
  const { nats } = options.settings;
  if (nats.url !== undefined) {
    const connection = await connectNats({ url: nats.url, name: 'start', settings: nats }).catch((error: unknown) => {
      throw new Error(`MSG_URL: the server cannot be reached (${error instanceof Error ? error.message : 'unknown'})`, {
        cause: error,
      });
    });
    await connection.close();
    return { url: nats.url, embedded: false };
  }
  const port = await portFor('nats-server', 4222, options);
  return options.progress.step('nats-server', async (note) => {
    const server: NatsServer = await startNats({
      storeDir: join(options.cacheDir, 'nats-data'),
      cacheDir: join(options.cacheDir, 'nats'),
      port,
      progress: note,
      onEnded: keepRunning(
        'nats-server',
        async () => {
          await server.restart();
          guardAnew();
        },
        { say: options.progress.say, signal: options.signal },
      ),
    });
    let guarded: number | undefined;
    const guardAnew = (): void => {
      if (guarded !== undefined) options.guard.remove(guarded);
      guarded = server.pid;
      if (guarded !== undefined) options.guard.add(guarded);
    };
    guardAnew();
    unwind(async () => {
      await server.stop();
      if (guarded !== undefined) options.guard.remove(guarded);
    });
    return { url: server.url, embedded: true };
  });
};

/** The port that is wanted, or a free one if somebody has it; that is said. */
const portFor = async (what: string, wanted: number, { progress }: StackOptions): Promise<number> => {
  const port = await freePort(wanted);
  if (wanted !== 0 && port !== wanted) progress.say(`! port ${wanted} is taken: ${what} listens on ${port}`);
  return port;
};

/** Our own server has neither credentials nor TLS. */
const withoutNats = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !natsSettingNames.includes(name)));

/** The variables of this process that its children may see: npm's own describe this run, not theirs. */
const inherited = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|INIT_CWD$)/i.test(name)));
