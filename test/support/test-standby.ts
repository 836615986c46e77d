import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { startPostgres, type PostgresServer, type PostgresServerOptions } from '../../infra/local/postgres-server.ts';
import { migrate } from '../../infra/postgres/migrate.ts';
import { createPool } from '../../shared/postgres/pool.ts';
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
export const askServer = async <R extends object>(server: PostgresServer, text: string): Promise<readonly R[]> => {
  const pool = createPool(server.url, { max: 1 });
  try {
    return await pool.query<R>(text);
  } finally {
    await pool.end();
  }
};

/**
 * Starts both with the tables and the ledger in place. The standby is a copy of the stopped primary: the embedded binaries
 * have no pg_basebackup.
 */
export const startTestPair = async (options: TestPairOptions = {}): Promise<TestPair> => {
  const folder = await mkdtemp('/var/tmp/state-sync-pair-');
  await chmod(folder, 0o755);
  const password = randomUUID();
  const settings = (name: string, port: number): PostgresServerOptions => ({
    dataDir: path.join(folder, name),
    port,
    user: 'tester',
    password,
    database: 'test',
    args: ['-c', 'shared_buffers=32MB', '-c', 'fsync=off', '-c', 'wal_receiver_status_interval=1s'],
    onLog: () => undefined,
  });
  const template = await startPostgres(settings('primary', 0));
  await migrate(template.url);
  await template.stop();
  await run('cp', ['-a', path.join(folder, 'primary'), path.join(folder, 'standby')]);
  const conninfo = `host=127.0.0.1 port=${template.port} user=tester password=${password} application_name=standby`;
  const configuration = path.join(folder, 'standby', 'postgresql.auto.conf');
  await writeFile(configuration, `${await readFile(configuration, 'utf8')}primary_conninfo = '${conninfo}'\n`);
  await run('cp', ['-a', path.join(folder, 'primary', 'PG_VERSION'), path.join(folder, 'standby', 'standby.signal')]);
  const primary = await startPostgres(settings('primary', template.port));
  const standby = await startPostgres(settings('standby', 0));
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
