import type { PostgresServer } from '../../../infra/local/postgres-server.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { startTestDatabase } from '../../support/test-database.ts';
import type { Random } from '../random.ts';
import { startBrokers, type Brokers } from './brokers.ts';
import { startDatabasePair, type DatabasePair, type DatabasePairOptions } from './database-pair.ts';
import { findPatroni, startPatroniPair } from './patroni-pair.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';

/** `single`: one nats-server, one PostgreSQL. `cluster`: three nats-servers, a primary with a synchronous standby. */
export const topologies = ['single', 'cluster'] as const;
export type Topology = (typeof topologies)[number];

/** Who lets a standby take over: Patroni with etcd and HAProxy, or the suite itself, as `pg_ctl promote` does. */
export const pairManagers = ['patroni', 'promote'] as const;
export type PairManager = (typeof pairManagers)[number];

/** PostgreSQL as the suite sees it, straight and not through the links that it bends. */
export interface ChaosDatabase {
  readonly url: string;
  /** The one that takes writes now. */
  readonly server: PostgresServer;
  readonly pool: DatabasePool;
}

/** The servers of a world. */
export interface Servers {
  readonly topology: Topology;
  readonly brokers: Brokers;
  readonly database: ChaosDatabase;
  /** Undefined if there is one server only. */
  readonly pair: DatabasePair | undefined;
  stop(): Promise<void>;
}

export interface ServersOptions {
  readonly topology: Topology;
  readonly random: Random;
  readonly natsBinary?: string | undefined;
  /** False: commits do not wait for the standby, which loses messages at a failover. */
  readonly isSynchronous: boolean;
  /** Patroni if absent and there. */
  readonly manager: PairManager | undefined;
  /** Of each server's own small disk; 768 if absent. */
  readonly diskMegabytes?: number | undefined;
  readonly onLog: (line: string) => void;
  /** Told of what is left out, and why. */
  readonly say: (line: string) => void;
}

const args = ['-c', 'track_commit_timestamp=on'];

export const startServers = async (options: ServersOptions): Promise<Servers> => {
  const { topology, onLog, random } = options;
  const startBrokersOf = (count: 1 | 3): Promise<Brokers> =>
    startBrokers({ count, binary: options.natsBinary, random: random.fork(), disks: disks?.slice(2) });
  const disks =
    topology === 'single' ? undefined : await mountDisks(options.diskMegabytes ?? defaultDiskMegabytes, options.say);
  if (topology === 'single') {
    const [database, brokers] = await together(startTestDatabase({ durable: true, args, onLog }), startBrokersOf(1));
    const stop = async (): Promise<void> => {
      await database.stop();
      await brokers.close();
    };
    return { topology, brokers, database, pair: undefined, stop };
  }
  const { isSynchronous } = options;
  const [first, second] = disks ?? [];
  const pairDisks = first === undefined || second === undefined ? undefined : ([first, second] as const);
  const pairOptions = { random: random.fork(), args, isSynchronous, onLog, disks: pairDisks };
  const [pair, brokers] = await together(startPair(options, pairOptions), startBrokersOf(3));
  const pool = createPool(pair.url, { max: 4 });
  const database: ChaosDatabase = {
    url: pair.url,
    get server() {
      return pair.primary;
    },
    pool,
  };
  const stop = async (): Promise<void> => {
    await pool.end();
    await pair.stop();
    await brokers.close();
    for (const disk of disks ?? []) await disk.close();
  };
  return { topology, brokers, database, pair, stop };
};

const startPair = async ({ manager, say }: ServersOptions, options: DatabasePairOptions): Promise<DatabasePair> => {
  if (manager === 'promote') return await startDatabasePair(options);
  const programs = await findPatroni();
  if (programs !== undefined) return await startPatroniPair(programs, options);
  if (manager === 'patroni') throw new Error('patroni, etcd, haproxy or a PostgreSQL beside them is not installed');
  say('SKIPPED: no Patroni, etcd, HAProxy and PostgreSQL of the distribution; the suite itself promotes the standby');
  return await startDatabasePair(options);
};

const diskNames = ['database-a', 'database-b', 'nats-1', 'nats-2', 'nats-3'] as const;
const defaultDiskMegabytes = 768;

/** A small disk for each server, or none at all: then no fault fills one. */
const mountDisks = async (
  diskMegabytes: number,
  say: (line: string) => void,
): Promise<readonly SmallDisk[] | undefined> => {
  const disks: SmallDisk[] = [];
  try {
    for (const name of diskNames) disks.push(await mountSmallDisk(name, diskMegabytes));
    return disks;
  } catch (error) {
    for (const disk of disks) await disk.close();
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    say(`SKIPPED: no disk is filled, as none of our own can be mounted (${line})`);
    return undefined;
  }
};

/** Both, or neither: what did start is stopped by the end of this process. */
const together = <A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> => Promise.all([one, other]);
