import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startFunctionHost, type FunctionHost } from '../../infra/local/function-host.ts';
import { createOrphanGuard } from '../../infra/local/orphan-guard.ts';
import { connectNats, type NatsConnection } from '../../shared/nats/connect.ts';
import { createLog } from '../../shared/telemetry/log.ts';
import { startTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../support/test-nats.ts';
import { buildChanged } from './bundles.ts';
import type { SourceChange } from '../support/source-changes.ts';
import type { GatewayBehaviour } from '../../infra/local/gateway-behaviour.ts';
import { writeClock } from './clock-jumps.ts';
import { writeLoopWatch } from './loop-watch.ts';
import { createMemoryLimit } from './memory-limit.ts';
import { maxMegabytes } from './memory.ts';
import { runConnector, type ConnectorRunner } from './connector-runner.ts';
import { prepareDatabase } from './create-states.ts';
import { failpoints } from './failpoints.ts';
import { startPgBouncer, type PgBouncer } from './pgbouncer.ts';
import { prepareStreams } from './prepare-streams.ts';
import type { Random } from './random.ts';
import { chaosRouting, chaosTimes, type ChaosTimes } from './routing.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** The links between the parts, each one a proxy. */
export const linkNames = [
  'function-database',
  'function-nats',
  'connector-nats',
  'connector-gateway',
  'pooler-database',
] as const;
export type LinkName = (typeof linkNames)[number];

export interface WorldOptions {
  readonly random: Random;
  readonly natsBinary?: string | undefined;
  /** Whether functions reach PostgreSQL through PgBouncer. */
  readonly pooler: boolean;
  readonly times?: Partial<ChaosTimes>;
  /** Whose gateway leads to the functions; `local` if absent. */
  readonly gateway?: GatewayBehaviour | undefined;
  /** Processes of each function; 2 if absent. */
  readonly replicas?: number;
  /** Told what is left out, and why. */
  readonly say: (line: string) => void;
}

export interface World {
  readonly folder: string;
  readonly logFile: string;
  readonly database: TestDatabase;
  readonly nats: TestNatsServer;
  /** Undefined if it was not wanted or cannot be had. */
  readonly pooler: PgBouncer | undefined;
  readonly links: Readonly<Record<LinkName, TcpProxy>>;
  readonly times: ChaosTimes;
  readonly functionToken: string;
  readonly failpointFolder: string;
  /** Straight to the server, for the suite's own eyes. */
  readonly connection: NatsConnection;
  readonly connectors: ConnectorRunner[];
  /** The host in use; replaced by `useFunctions`. */
  readonly host: FunctionHost;
  /** Builds the functions with these changes beside the failpoints, and lets the gateway lead to them. */
  useFunctions(changes?: readonly SourceChange[]): Promise<void>;
  startConnector(): Promise<ConnectorRunner>;
  /** Processes that the kernel has killed for want of memory so far; 0 where the machine lets us set no limit. */
  memoryKills(): number;
  /** Ends every fault of the links. */
  heal(): void;
  stop(): Promise<void>;
}

const functionNames = ['state-direct', 'state-route', 'state-entry'] as const;
const graceMs = 5_000;
/** An endpoint of a cluster is called for a while after its process has ended. */
const endpointLagMs = 500;
const limitPollMs = 100;

/** Runs the whole store on servers of its own: real processes, every link through a proxy. */
export const startWorld = async (options: WorldOptions): Promise<World> => {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  const folder = await mkdtemp('/var/tmp/state-sync-chaos-');
  await chmod(folder, 0o755);
  undo.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  try {
    const logFile = join(folder, 'processes.log');
    const logStream = createWriteStream(logFile);
    undo.push(() => new Promise<void>((resolve) => logStream.end(resolve)));
    const note = (name: string, line: string): void => void logStream.write(`${name} ${line}\n`);
    const guard = createOrphanGuard();
    undo.push(async () => guard.close());
    const times = { ...chaosTimes, ...options.times };

    const [database, nats] = await Promise.all([
      startTestDatabase({
        durable: true,
        args: ['-c', 'track_commit_timestamp=on'],
        onLog: (line) => note('postgres', line),
      }),
      startTestNats(options.natsBinary === undefined ? {} : { binary: options.natsBinary }),
    ]);
    undo.push(database.stop, nats.close);
    await prepareDatabase(database.pool);

    const link = async (port: number): Promise<TcpProxy> => {
      const { next } = options.random.fork();
      const proxy = await startTcpProxy(port, next);
      undo.push(proxy.close);
      return proxy;
    };
    const poolerDatabase = await link(database.server.port);
    const databaseUrl = new URL(database.url);
    let pooler: PgBouncer | undefined;
    if (options.pooler) {
      try {
        pooler = await startPgBouncer({
          folder,
          databasePort: poolerDatabase.port,
          user: decodeURIComponent(databaseUrl.username),
          password: decodeURIComponent(databaseUrl.password),
        });
        undo.push(pooler.stop);
      } catch (error) {
        options.say(`SKIPPED: no PgBouncer (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`);
      }
    }
    const links: Record<LinkName, TcpProxy> = {
      'function-database': await link(pooler?.port ?? poolerDatabase.port),
      'function-nats': await link(nats.port),
      'connector-nats': await link(nats.port),
      'connector-gateway': await link(1),
      'pooler-database': poolerDatabase,
    };
    databaseUrl.port = String(links['function-database'].port);
    const natsUrlThrough = (name: LinkName): string => `nats://127.0.0.1:${links[name].port}`;

    const connection = await connectNats({ url: nats.url, name: 'chaos' });
    undo.push(() => connection.close());
    await prepareStreams(connection);

    const routingFile = join(folder, 'routing.yaml');
    await writeFile(routingFile, chaosRouting(nats.url, times));
    const failpointFolder = join(folder, 'failpoints');
    await mkdir(failpointFolder);
    const functionToken = 'chaos';
    const commonEnv: NodeJS.ProcessEnv = {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      SECRETS_DIR: folder,
      ROUTING_FILE: routingFile,
      FUNCTION_TOKEN: functionToken,
      LOG_LEVEL: 'INFO',
      CHAOS_FAILPOINTS: failpointFolder,
      NODE_OPTIONS: `${await writeClock(folder)} ${await writeLoopWatch(folder)}`,
      NODE_COMPILE_CACHE: join(folder, 'compile'),
    };
    const log = createLog({
      service: 'host',
      level: 'INFO',
      write: (line) => note('host', line.trimEnd()),
      nowMs: Date.now,
    });

    let host: FunctionHost | undefined;
    let builds = 0;
    const useFunctions = async (changes: readonly SourceChange[] = []): Promise<void> => {
      const outDir = join(folder, `functions-${(builds += 1)}`);
      await buildChanged(outDir, functionNames, [
        ...failpoints.filter(({ file }) => !file.startsWith('infra/')),
        ...changes,
      ]);
      const before = host;
      host = await startFunctionHost({
        functions: functionNames.map((name) => ({
          name,
          entry: join(outDir, name, 'index.js'),
          replicas: options.replicas ?? 2,
        })),
        env: {
          ...commonEnv,
          DATABASE_URL: databaseUrl.href,
          MSG_URL: natsUrlThrough('function-nats'),
          FUNCTION_DEADLINE_MS: String(times.functionDeadlineMs),
          CACHE_TTL_SECONDS: '2',
          DRAIN_MS: '2000',
        },
        idleMs: 600_000,
        behaviour: options.gateway ?? 'local',
        endpointLagMs,
        callTimeoutMs: times.requestTimeoutMs,
        graceMs,
        log,
        onLine: note,
        register: guard,
      });
      links['connector-gateway'].target.port = host.port;
      links['connector-gateway'].cutAll();
      await before?.close();
    };
    undo.push(async () => host?.close());
    await useFunctions();

    await buildChanged(
      join(folder, 'connector'),
      ['connector'],
      failpoints.filter(({ file }) => file.startsWith('infra/')),
    );
    const connectors: ConnectorRunner[] = [];
    undo.push(() => Promise.all(connectors.map((connector) => connector.stop(graceMs))));
    const startConnector = async (): Promise<ConnectorRunner> => {
      const name = `connector-${connectors.length + 1}`;
      const connector = await runConnector({
        entry: join(folder, 'connector/connector/index.js'),
        env: {
          ...commonEnv,
          MSG_URL: natsUrlThrough('connector-nats'),
          GATEWAY_URL: `http://127.0.0.1:${links['connector-gateway'].port}`,
          DRAIN_MS: '2000',
        },
        onLine: (line) => note(name, line),
        register: guard,
      });
      connectors.push(connector);
      return connector;
    };
    await startConnector();
    const memory = createMemoryLimit(`state-sync-chaos-${process.pid}`, maxMegabytes * 1024 * 1024);
    if (memory === undefined) options.say('SKIPPED: no memory cgroup can be made; memory is only sampled');
    const limitTimer = setInterval(() => {
      const pids = [...connectors.map(({ pid }) => pid), ...(host?.functions().flatMap((status) => status.pids) ?? [])];
      for (const pid of pids) if (pid !== undefined) memory?.add(pid);
    }, limitPollMs);
    undo.unshift(async () => memory?.close());
    undo.push(async () => clearInterval(limitTimer));

    return {
      folder,
      logFile,
      database,
      nats,
      pooler,
      links,
      times,
      functionToken,
      failpointFolder,
      connection,
      connectors,
      get host() {
        return host!;
      },
      useFunctions,
      startConnector,
      memoryKills: () => memory?.kills() ?? 0,
      heal: () => {
        for (const proxy of Object.values(links)) {
          proxy.setMode({ kind: 'open' });
          proxy.cutAnswers({ request: /^$/, judge: () => 'pass', share: 0 }, 0);
        }
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
