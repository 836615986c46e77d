import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  startPostgres,
  type PostgresServer,
  type PostgresServerOptions,
} from '../../../infra/local/postgres-server.ts';
import { migrate } from '../../../infra/postgres/migrate.ts';
import { askServer } from '../../support/test-standby.ts';
import { until } from '../../support/until.ts';
import { insist } from '../insist.ts';
import type { Random } from '../random.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import { cloneData } from './clone-data.ts';
import { crashServer, signalServer } from './server-processes.ts';
import type { SmallDisk } from './small-disk.ts';

/** A primary, a synchronous standby, and the address that leads to whichever is the primary. */
export interface DatabasePair {
  /** Who decides of a failover. */
  readonly manager: string;
  /** Through the address. */
  readonly url: string;
  /** Of the address. New connections lead to the primary; a failover cuts the others, unless it is told not to. */
  readonly addressPort: number;
  readonly primary: PostgresServer;
  /** Whether a commit waits for the standby. */
  readonly isSynchronous: boolean;
  /** The primary crashes and stays away: the standby takes over, the old primary comes back as the new standby. */
  loseMachine(): Promise<void>;
  /** The primary freezes and wakes up when the standby has taken over: there are two for so long (milliseconds). */
  freezeMachine(twoPrimariesMs: number): Promise<void>;
  /** A planned change of roles; false if it was refused. */
  switchOver(): Promise<boolean>;
  /** A planned change of roles behind an address that goes on leading to the old primary, which is read-only now; false if it was refused. */
  switchOverBehindAddress(wrongMs: number, isCutAtTheEnd: boolean): Promise<boolean>;
  /** The standby is away for so long (milliseconds): commits wait. */
  loseStandby(ms: number): Promise<void>;
  /** Nothing reaches the standby for so long (milliseconds), then the primary is lost. */
  loseMachineBehind(lagMs: number): Promise<void>;
  /** The standby is lost, the primary crashes and starts again, and is lost for good: what it had alone is gone. */
  crashThenLoseMachine(aloneMs: number): Promise<void>;
  /** The disk of the primary is full for so long (milliseconds); false if it is too large for that. */
  fillDisk(ms: number): Promise<boolean>;
  stop(): Promise<void>;
}

export interface DatabasePairOptions {
  readonly random: Random;
  readonly args: readonly string[];
  /** False: a commit waits for nobody, and a failover loses what the standby has not. */
  readonly isSynchronous: boolean;
  readonly onLog: (line: string) => void;
  /** Of both servers, where such can be had. */
  readonly disks: readonly [SmallDisk, SmallDisk] | undefined;
}

interface Node {
  readonly name: string;
  readonly dataDir: string;
  server: PostgresServer;
}

const settings = ['shared_buffers=32MB', 'max_wal_size=96MB', 'min_wal_size=32MB', 'wal_keep_size=128MB'];
const replicationSettings = [
  'wal_receiver_status_interval=1s',
  'wal_retrieve_retry_interval=500ms',
  'wal_sender_timeout=5s',
];
const settleMs = 60_000;

/** Both servers on this machine; the suite itself promotes the standby, as `pg_ctl promote` does. */
export const startDatabasePair = async (options: DatabasePairOptions): Promise<DatabasePair> => {
  const folder = await mkdtemp('/var/tmp/state-sync-cluster-');
  await chmod(folder, 0o755);
  const password = `p@ss/${randomUUID()}`;
  const args = [...settings, ...replicationSettings].flatMap((setting) => ['-c', setting]);
  const optionsOf = (name: string, dataDir: string, port: number): PostgresServerOptions => ({
    dataDir,
    port,
    user: 'tester',
    password,
    database: 'test',
    args: [...args, ...options.args],
    onLog: (line) => options.onLog(`${name}: ${line}`),
  });
  const launch = (name: string, dataDir: string, port = 0): Promise<PostgresServer> =>
    startPostgres(optionsOf(name, dataDir, port));

  const proxies: TcpProxy[] = [];
  const link = async (port: number): Promise<TcpProxy> => {
    const proxy = await startTcpProxy(port, options.random.fork().next);
    proxies.push(proxy);
    return proxy;
  };
  const dataDirOf = (index: 0 | 1): string => join(options.disks?.[index].folder ?? folder, index === 0 ? 'a' : 'b');
  const first = await launch('a', dataDirOf(0));
  await migrate(first.url);
  let primary: Node = { name: 'a', dataDir: dataDirOf(0), server: first };
  const address = await link(first.port);
  /** From the standby to the primary. */
  const replication = await link(first.port);

  const follow = async (name: string, dataDir: string, port: number): Promise<Node> => {
    await cloneData(primary.server, dataDir);
    const conninfo = `host=127.0.0.1 port=${replication.port} user=tester password=${password} application_name=standby`;
    const file = join(dataDir, 'postgresql.auto.conf');
    // The last one of a name counts.
    await writeFile(file, `${await readFile(file, 'utf8')}primary_conninfo = '${conninfo}'\n`);
    return { name, dataDir, server: await launch(name, dataDir, port) };
  };
  const setSynchronous = async (isOn: boolean): Promise<void> => {
    await askServer(primary.server, `alter system set synchronous_standby_names = '${isOn ? 'standby' : ''}'`);
    await askServer(primary.server, 'select pg_reload_conf()');
  };
  const untilFollowed = async (): Promise<void> => {
    const isIn = async (condition: string): Promise<boolean> =>
      (await askServer(primary.server, `select from pg_stat_replication where ${condition}`)).length === 1;
    await until('the standby follows', () => isIn(`state = 'streaming'`), { timeoutMs: settleMs });
    if (!options.isSynchronous) return;
    await setSynchronous(true);
    await until('the standby is a synchronous one', () => isIn(`sync_state = 'sync'`), { timeoutMs: settleMs });
  };

  let standby = await follow('b', dataDirOf(1), 0);
  await untilFollowed();

  /** The standby leads; the old primary is whatever it is. Until somebody follows, commits wait for nobody. */
  const promote = async (): Promise<Node> => {
    const old = primary;
    await askServer(standby.server, 'select pg_promote()');
    primary = standby;
    await setSynchronous(false);
    replication.target.port = primary.server.port;
    replication.cutAll();
    return old;
  };
  const lead = (): void => {
    address.target.port = primary.server.port;
    address.cutAll();
  };
  const rejoin = async ({ name, dataDir, server }: Node): Promise<void> => {
    await crashServer(server);
    await server.stop();
    standby = await follow(name, dataDir, server.port);
    await untilFollowed();
  };
  const loseMachine = async (): Promise<void> => {
    await crashServer(primary.server);
    const old = await promote();
    lead();
    await rejoin(old);
  };
  const demote = async (): Promise<Node> => {
    // A fast shutdown ends when the standby has everything.
    await primary.server.stop();
    return await promote();
  };

  return {
    manager: 'pg_promote()',
    url: first.url.replace(`:${first.port}/`, `:${address.port}/`),
    addressPort: address.port,
    get primary() {
      return primary.server;
    },
    isSynchronous: options.isSynchronous,
    loseMachine,
    freezeMachine: async (twoPrimariesMs) => {
      signalServer(primary.server, 'SIGSTOP');
      const old = await promote();
      lead();
      signalServer(old.server, 'SIGCONT');
      await sleep(twoPrimariesMs);
      await rejoin(old);
    },
    switchOver: async () => {
      const old = await demote();
      lead();
      await rejoin(old);
      return true;
    },
    switchOverBehindAddress: async (wrongMs, isCutAtTheEnd) => {
      const old = await demote();
      await rejoin(old);
      await sleep(wrongMs);
      // Where nobody cuts the sockets that lead to what is a standby now: as with a name or an address that moves.
      address.target.port = primary.server.port;
      if (isCutAtTheEnd) address.cutAll();
      return true;
    },
    loseStandby: async (ms) => {
      const { name, dataDir, server } = standby;
      await crashServer(server);
      await server.stop();
      await sleep(ms);
      standby = { name, dataDir, server: await launch(name, dataDir, server.port) };
      await untilFollowed();
    },
    loseMachineBehind: async (lagMs) => {
      replication.setMode({ kind: 'stall' });
      await sleep(lagMs);
      await crashServer(primary.server);
      replication.setMode({ kind: 'open' });
      const old = await promote();
      lead();
      await rejoin(old);
    },
    crashThenLoseMachine: async (aloneMs) => {
      const { name, dataDir, server } = standby;
      await crashServer(server);
      await server.stop();
      await sleep(aloneMs / 2);
      await primary.server.restart('immediate');
      await sleep(aloneMs / 2);
      await crashServer(primary.server);
      standby = { name, dataDir, server: await launch(name, dataDir, server.port) };
      const old = await promote();
      lead();
      await rejoin(old);
    },
    fillDisk: async (ms) => {
      const disk = options.disks?.find((each) => primary.dataDir.startsWith(each.folder));
      if (disk === undefined) return false;
      await disk.fill();
      await sleep(ms);
      await disk.free();
      // A server that could not write its log has ended, or tries to start again.
      await insist(() => askServer(primary.server, 'select 1').catch(() => primary.server.restart('immediate')));
      await insist(untilFollowed);
      return true;
    },
    stop: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await Promise.all([standby.server.stop(), primary.server.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
};
