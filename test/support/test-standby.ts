import { execFile } from 'node:child_process';
import { appendFile, chmod, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { startPostgres, type PostgresServer } from '../../infra/local/postgres-server.ts';
import { createPool } from '../../shared/postgres/pool.ts';
import { copyDatabaseTemplate } from './database-template.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/** A primary and a standby that follows it by streaming replication. */
export interface TestPair {
  readonly primary: PostgresServer;
  readonly standby: PostgresServer;
  readonly stop: () => Promise<void>;
}

export interface TestPairOptions {
  /** Default false. True: a commit waits until the standby has it. */
  readonly isSynchronous?: boolean;
}

/** One statement of an administrator, on a connection of its own. */
export const askServer = async <R extends object>(
  server: Pick<PostgresServer, 'url'>,
  text: string,
): Promise<readonly R[]> => {
  const pool = createPool(server.url, { max: 1 });
  try {
    return await pool.query<R>(text);
  } finally {
    await pool.end();
  }
};

/**
 * Starts both with the tables and the ledger in place. Both are copies of one stopped server: the embedded binaries have no
 * pg_basebackup.
 */
export const startTestPair = async (options: TestPairOptions = {}): Promise<TestPair> => {
  const folder = await mkdtemp('/var/tmp/state-sync-pair-');
  await chmod(folder, 0o755);
  const dataDir = (name: string): string => path.join(folder, name);
  const account = await copyDatabaseTemplate(dataDir('primary'), true);
  await copyDatabaseTemplate(dataDir('standby'), true);
  const start = (name: string): Promise<PostgresServer> =>
    startPostgres({
      dataDir: dataDir(name),
      ...account,
      args: ['-c', 'shared_buffers=32MB', '-c', 'fsync=off', '-c', 'wal_receiver_status_interval=1s'],
      onLog: () => undefined,
    });
  const primary = await start('primary');
  const conninfo = `host=127.0.0.1 port=${primary.port} user=${account.user} password=${account.password} application_name=standby`;
  await appendFile(path.join(dataDir('standby'), 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
  // As a copy: its owner must be the server's user.
  await run('cp', ['-p', path.join(dataDir('standby'), 'PG_VERSION'), path.join(dataDir('standby'), 'standby.signal')]);
  const standby = await start('standby');
  await until('the standby follows', async () => {
    const rows = await askServer(primary, `select from pg_stat_replication where state = 'streaming'`);
    return rows.length === 1;
  });
  if (options.isSynchronous === true) {
    await askServer(primary, `alter system set synchronous_standby_names = 'standby'`);
    await askServer(primary, 'select pg_reload_conf()');
    await until('the standby is a synchronous one', async () => {
      const rows = await askServer(primary, `select from pg_stat_replication where sync_state = 'sync'`);
      return rows.length === 1;
    });
  }
  return {
    primary,
    standby,
    stop: async () => {
      await Promise.all([standby.stop(), primary.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
};
