import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { natsSettingNames } from '../../shared/config/nats-settings.ts';
import { connectNats } from '../../shared/nats/connect.ts';
import type { Log } from '../../shared/telemetry/log.ts';
import { buildBundles } from '../image/build.ts';
import { migrate } from '../postgres/migrate.ts';
import { freePort } from './free-port.ts';
import { startFunctionHost, type FunctionHost } from './function-host.ts';
import { writeLocalRouting } from './local-routing.ts';
import type { LocalSettings } from './local-settings.ts';
import { startNats } from './nats-server.ts';
import type { OrphanGuard } from './orphan-guard.ts';
import { startPostgres } from './postgres-server.ts';
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
    const databaseUrl = await startDatabase(options, unwind.push);
    signal.throwIfAborted();
    const broker = await startBroker(options, unwind.push);
    signal.throwIfAborted();
    await progress.step('bundles', () => buildBundles({ outDir: options.distDir }));
    signal.throwIfAborted();
    await progress
      .step('schema', () => migrate(databaseUrl, { env }))
      .catch((error: unknown) => {
        if (settings.databaseUrl === '') throw error;
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`DATABASE_URL: the schema cannot be created there (${reason})`, { cause: error });
      });
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
    const gatewayPort = await freePort(settings.gatewayPort);
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
      ...(collector === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
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

const startDatabase = async (options: StackOptions, unwind: (undo: () => Promise<void>) => void): Promise<string> => {
  if (options.settings.databaseUrl !== '') return options.settings.databaseUrl;
  return options.progress.step('PostgreSQL', async () => {
    const server = await startPostgres({
      dataDir: join(options.cacheDir, 'postgres', 'data'),
      port: 5432,
      user: 'postgres',
      password: 'postgres1',
      database: 'postgres',
      onLog: (line) => {
        options.progress.note(line);
        options.onLine('postgres', line);
      },
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
  return options.progress.step('nats-server', async () => {
    const server = await startNats({
      storeDir: join(options.cacheDir, 'nats-data'),
      cacheDir: join(options.cacheDir, 'nats'),
      port: await freePort(4222),
      progress: options.progress.note,
    });
    const { pid } = server;
    if (pid !== undefined) options.guard.add(pid);
    unwind(async () => {
      await server.stop();
      if (pid !== undefined) options.guard.remove(pid);
    });
    return { url: server.url, embedded: true };
  });
};

/** Our own server has neither credentials nor TLS. */
const withoutNats = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !natsSettingNames.includes(name)));

/** The variables of this process that its children may see: npm's own describe this run, not theirs. */
const inherited = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|INIT_CWD$)/i.test(name)));
