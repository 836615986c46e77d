import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startFunctionHost, type FunctionHost } from '../../infra/local/function-host.ts';
import { createOrphanGuard } from '../../infra/local/orphan-guard.ts';
import { connectNats, type NatsConnection } from '../../shared/nats/connect.ts';
import { createLog } from '../../shared/telemetry/log.ts';
import { buildChanged } from './bundles.ts';
import type { SourceChange } from '../support/source-changes.ts';
import type { GatewayBehaviour } from '../../infra/local/gateway-behaviour.ts';
import { writeClock } from './clock-jumps.ts';
import { writeLoopWatch } from './loop-watch.ts';
import { createMemoryLimit } from './memory-limit.ts';
import { maxMegabytes } from './memory.ts';
import type { Broker, Brokers } from './cluster/brokers.ts';
import type { DatabasePair } from './cluster/database-pair.ts';
import { startServers, type ChaosDatabase, type PairManager, type Topology } from './cluster/topology.ts';
import { runConnector, type ConnectorRunner } from './connector-runner.ts';
import { prepareDatabase } from './create-states.ts';
import { failpoints } from './failpoints.ts';
import { insist } from './insist.ts';
import { joinLinks, type Link } from './links.ts';
import { startPgBouncer, type PgBouncer } from './pgbouncer.ts';
import { prepareStreams } from './prepare-streams.ts';
import type { Random } from './random.ts';
import { chaosRouting, chaosTimes, defaultTimes, type ChaosTimes } from './routing.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** The links between the parts, each one a proxy for each two of them. */
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
  /** `single` if absent. A cluster runs with the default times and limits. */
  readonly topology?: Topology;
  /** Who decides of a cluster's failover; Patroni if absent and there. */
  readonly manager?: PairManager | undefined;
  /** False: commits of a cluster do not wait for its standby. */
  readonly isSynchronous?: boolean;
  /** Connectors from the start; 1 if absent. */
  readonly connectors?: number;
  /** Of each server of a cluster, where it has a disk of its own. */
  readonly diskMegabytes?: number | undefined;
  /** Changes of the connector, beside its failpoints. */
  readonly connectorChanges?: readonly SourceChange[];
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
  readonly topology: Topology;
  readonly database: ChaosDatabase;
  /** The primary and its standby, if there are two servers. */
  readonly pair: DatabasePair | undefined;
  readonly brokers: Brokers;
  /** Undefined if it was not wanted or cannot be had. */
  readonly pooler: PgBouncer | undefined;
  readonly links: Readonly<Record<LinkName, Link>>;
  /** The ways of clients to that server alone. */
  clientsOf(broker: Broker): Link;
  /** The ways of that connector alone. */
  waysOf(connector: ConnectorRunner): ConnectorWays;
  readonly times: ChaosTimes;
  readonly functionToken: string;
  readonly failpointFolder: string;
  /** Straight to the server, for the suite's own eyes. */
  readonly connection: NatsConnection;
  readonly connectors: ConnectorRunner[];
  /** The connector that took the lease of the stream of rows last; any one where none says so. */
  holder(): ConnectorRunner;
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

/** How one connector reaches the others. */
export interface ConnectorWays {
  readonly nats: Link;
  readonly gateway: Link;
}

const functionNames = ['state-direct', 'state-route', 'state-entry'] as const;
/** A connector says so when it begins to read the stream of rows. */
const takesLease = /"event":"lease_taken".*"consumer":"processor_state_sync/;
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
    const topology = options.topology ?? 'single';
    const times = { ...(topology === 'single' ? chaosTimes : defaultTimes), ...options.times };

    const servers = await startServers({
      topology,
      random: options.random.fork(),
      natsBinary: options.natsBinary,
      isSynchronous: options.isSynchronous ?? true,
      manager: options.manager,
      diskMegabytes: options.diskMegabytes,
      onLog: (line) => note('postgres', line),
      say: options.say,
    });
    undo.push(servers.stop);
    const { brokers, database, pair } = servers;
    await prepareDatabase(database.pool);

    const link = async (port: number): Promise<TcpProxy> => {
      const { next } = options.random.fork();
      const proxy = await startTcpProxy(port, next);
      undo.push(proxy.close);
      return proxy;
    };
    const poolerDatabase = await link(pair?.addressPort ?? database.server.port);
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
    const clientWays = brokers.all.map((): TcpProxy[] => []);
    /** One way to each server. */
    const linkToBrokers = async (): Promise<readonly TcpProxy[]> => {
      const proxies: TcpProxy[] = [];
      for (const [index, { server }] of brokers.all.entries()) {
        const proxy = await link(server.port);
        clientWays[index]!.push(proxy);
        proxies.push(proxy);
      }
      return proxies;
    };
    const natsUrlOf = (proxies: readonly TcpProxy[]): string =>
      proxies.map(({ port }) => `nats://127.0.0.1:${port}`).join(',');
    const functionDatabase = await link(pooler?.port ?? poolerDatabase.port);
    const functionNats = await linkToBrokers();
    const connectorNats: TcpProxy[] = [];
    const connectorGateway: TcpProxy[] = [];
    const links: Record<LinkName, Link> = {
      'function-database': joinLinks([functionDatabase]),
      'function-nats': joinLinks(functionNats),
      'connector-nats': joinLinks(connectorNats),
      'connector-gateway': joinLinks(connectorGateway),
      'pooler-database': joinLinks([poolerDatabase]),
    };
    databaseUrl.port = String(functionDatabase.port);

    const connection = await connectNats({ url: brokers.url, name: 'chaos' });
    undo.push(() => connection.close());
    // Three servers that have just found each other may need a moment for a stream.
    await insist(() => prepareStreams(connection, brokers.all.length));

    const routingFile = join(folder, 'routing.yaml');
    await writeFile(routingFile, chaosRouting(brokers.url, topology === 'single' ? times : undefined));
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
      // The same builds are started in several worlds, and each process that is killed is started again.
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(folder, 'compile'),
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
          MSG_URL: natsUrlOf(functionNats),
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
      for (const { target } of connectorGateway) target.port = host.port;
      links['connector-gateway'].cutAll();
      await before?.close();
    };
    undo.push(async () => host?.close());
    await useFunctions();

    await buildChanged(
      join(folder, 'connector'),
      ['connector'],
      [...failpoints.filter(({ file }) => file.startsWith('infra/')), ...(options.connectorChanges ?? [])],
    );
    const connectors: ConnectorRunner[] = [];
    const ways = new Map<ConnectorRunner, ConnectorWays>();
    let connectorStarts = 0;
    /** By the name in its log. */
    let holderName: string | undefined;
    const names = new Map<string, ConnectorRunner>();
    undo.push(() => Promise.all(connectors.map((connector) => connector.stop(graceMs))));
    const startConnector = async (): Promise<ConnectorRunner> => {
      const name = `connector-${(connectorStarts += 1)}`;
      const ownNats = await linkToBrokers();
      const ownGateway = await link(host!.port);
      connectorNats.push(...ownNats);
      connectorGateway.push(ownGateway);
      const connector = await runConnector({
        entry: join(folder, 'connector/connector/index.js'),
        env: {
          ...commonEnv,
          MSG_URL: natsUrlOf(ownNats),
          GATEWAY_URL: `http://127.0.0.1:${ownGateway.port}`,
          DRAIN_MS: '2000',
        },
        onLine: (line) => {
          if (takesLease.test(line)) holderName = name;
          note(name, line);
        },
        register: guard,
      });
      names.set(name, connector);
      ways.set(connector, { nats: joinLinks(ownNats), gateway: joinLinks([ownGateway]) });
      connectors.push(connector);
      return connector;
    };
    for (let count = 0; count < (options.connectors ?? 1); count += 1) await startConnector();
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
      topology,
      database,
      pair,
      brokers,
      pooler,
      links,
      clientsOf: (broker) => joinLinks(clientWays[brokers.all.indexOf(broker)] ?? []),
      waysOf: (connector) => ways.get(connector)!,
      times,
      functionToken,
      failpointFolder,
      connection,
      connectors,
      holder: () => names.get(holderName ?? '') ?? connectors[0]!,
      get host() {
        return host!;
      },
      useFunctions,
      startConnector,
      memoryKills: () => memory?.kills() ?? 0,
      heal: () => {
        for (const proxy of [...Object.values(links), ...brokers.all.map(({ peers }) => peers)]) {
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
