import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresServer } from '../../../infra/local/postgres-server.ts';
import { createPool } from '../../../shared/postgres/pool.ts';

const run = promisify(execFile);

/** What is the running server's own, or is made anew. */
const leftOut: ReadonlySet<string> = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'standby.signal',
  'recovery.signal',
]);
const leftEmpty: ReadonlySet<string> = new Set(['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_subtrans']);

/**
 * Makes `dataDir` a standby's copy of the running server, as `pg_basebackup` does, which the npm binaries lack. The log
 * comes by replication: the server must keep as much of it as is written meanwhile (`wal_keep_size`).
 */
export const cloneData = async (server: PostgresServer, dataDir: string): Promise<void> => {
  await rm(dataDir, { recursive: true, force: true });
  const pool = createPool(server.url, { max: 1, queryTimeoutMs: 60_000 });
  try {
    // The backup belongs to its session: one connection for both calls.
    await pool.transaction(async (connection) => {
      await connection.query(`select pg_backup_start('clone', true)`);
      await copyTree(server.dataDir, dataDir);
      const [stopped] = await connection.query<{ label: string }>(
        'select labelfile as label from pg_backup_stop(false)',
      );
      await writeFile(join(dataDir, 'backup_label'), stopped!.label);
    });
  } finally {
    await pool.end();
  }
  await writeFile(join(dataDir, 'standby.signal'), '');
  const { uid, gid } = await stat(server.dataDir);
  if (process.getuid?.() === 0) await run('chown', ['-R', `${uid}:${gid}`, dataDir]);
};

const copyTree = async (from: string, to: string, isTop = true): Promise<void> => {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      if (isTop && leftEmpty.has(entry.name)) await makeEmpty(target, entry.name);
      else await copyTree(source, target, false);
    } else if (entry.isFile() && !(isTop && leftOut.has(entry.name))) await copyIfThere(source, target);
  }
};

const makeEmpty = async (target: string, name: string): Promise<void> => {
  await mkdir(target, { recursive: true, mode: 0o700 });
  if (name !== 'pg_wal') return;
  for (const inner of ['archive_status', 'summaries']) await mkdir(join(target, inner), { mode: 0o700 });
};

const copyIfThere = async (source: string, target: string): Promise<void> => {
  try {
    await copyFile(source, target);
  } catch (error) {
    // Files may vanish under a backup: the log says what became of them.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
};
