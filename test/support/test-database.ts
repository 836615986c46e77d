import { chmod, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { startPostgres, type PostgresServer } from '../../infra/local/postgres-server.ts';
import type { DatabasePool } from '../../shared/postgres/database.ts';
import { createPool, type PoolOptions } from '../../shared/postgres/pool.ts';
import { copyDatabaseTemplate } from './database-template.ts';

export interface TestDatabase {
  readonly url: string;
  readonly server: PostgresServer;
  /** For the test's own statements. */
  readonly pool: DatabasePool;
  /** A further pool, e.g. one per writer; ended by `stop`. */
  readonly openPool: (options?: PoolOptions) => DatabasePool;
  readonly stop: () => Promise<void>;
}

export interface TestDatabaseOptions {
  readonly args?: readonly string[];
  /** Default true: the tables and the ledger exist. */
  readonly migrated?: boolean;
  /** Default false: commits are as quick as they can be. True for tests that crash the server. */
  readonly durable?: boolean;
  readonly onLog?: (line: string) => void;
}

/** A real PostgreSQL of this test file's own, on a free port, in a new folder that `stop` removes. */
export const startTestDatabase = async (options: TestDatabaseOptions = {}): Promise<TestDatabase> => {
  // Not the user's temporary folder: the server's own user must be able to enter it.
  const folder = await mkdtemp('/var/tmp/state-sync-test-');
  const quick = options.durable === true ? [] : ['-c', 'fsync=off', '-c', 'full_page_writes=off'];
  await chmod(folder, 0o755);
  const dataDir = path.join(folder, 'data');
  const account = await copyDatabaseTemplate(dataDir, options.migrated !== false);
  const server = await startPostgres({
    dataDir,
    ...account,
    args: ['-c', 'shared_buffers=64MB', ...quick, ...(options.args ?? [])],
    onLog: options.onLog ?? (() => undefined),
  });
  const pools: DatabasePool[] = [];
  const openPool = (poolOptions?: PoolOptions): DatabasePool => {
    const pool = createPool(server.url, poolOptions);
    pools.push(pool);
    return pool;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(pools.map((pool) => pool.end()));
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { url: server.url, server, pool: openPool({ max: 4 }), openPool, stop };
};
