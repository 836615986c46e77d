import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chown, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { reachableBy, type SystemUser } from './system-user.ts';

const run = promisify(execFile);
const orphanDeadlineMs = 15_000;

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** Where the data can live: `wanted`, or a stable folder that the server's user can enter where it cannot enter that. */
export const chooseDataFolder = async (
  wanted: string,
  user: SystemUser | undefined,
  onLog: (line: string) => void,
): Promise<string> => {
  const parent = path.dirname(path.resolve(wanted));
  await mkdir(parent, { recursive: true });
  if (user === undefined || (await reachableBy(user, parent))) return path.resolve(wanted);
  const name = createHash('sha256').update(path.resolve(wanted)).digest('hex').slice(0, 12);
  const folder = path.join('/var/tmp', `state-sync-store-data-${name}`);
  onLog(`PostgreSQL's user ${user.name} cannot enter ${parent}: its data is kept in ${folder}`);
  return folder;
};

/** Creates the cluster if there is none; a cluster half made by a killed initdb is never seen under its name. */
export const initialiseData = async (
  binaries: PostgresBinaries,
  dataDir: string,
  account: { readonly user: string; readonly password: string },
  systemUser: SystemUser | undefined,
): Promise<'created' | 'present'> => {
  const version = await readFile(path.join(dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version !== undefined) {
    const { stdout } = await run(binaries.postgres, ['--version']);
    const major = /(\d+)[.\d]*\s*$/.exec(stdout)?.[1];
    if (version.trim() === major) return 'present';
    throw new Error(`${dataDir} was made by PostgreSQL ${version.trim()}, this is ${major ?? stdout}: move it away`);
  }
  const partial = `${dataDir}.new`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true, mode: 0o700 });
  const secretFolder = await mkdtemp(path.join(tmpdir(), 'state-sync-store-'));
  const secretFile = path.join(secretFolder, 'password');
  try {
    await writeFile(secretFile, `${account.password}\n`, { mode: 0o600 });
    if (systemUser !== undefined) {
      for (const file of [partial, secretFolder, secretFile]) await chown(file, systemUser.uid, systemUser.gid);
    }
    const settings = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale-provider=builtin', '--locale=C'];
    await run(
      binaries.initdb,
      [
        `--pgdata=${partial}`,
        `--username=${account.user}`,
        `--pwfile=${secretFile}`,
        ...settings,
        '--builtin-locale=C.UTF-8',
        '--no-instructions',
      ],
      { env: { PATH: process.env['PATH'], LC_ALL: 'C' }, cwd: partial, ...identityOf(systemUser) },
    );
  } finally {
    await rm(secretFolder, { recursive: true, force: true });
  }
  await rm(dataDir, { recursive: true, force: true });
  await rename(partial, dataDir);
  return 'created';
};

/** Options for a child process that runs as that user. */
export const identityOf = (user: SystemUser | undefined): { uid?: number; gid?: number } =>
  user === undefined ? {} : { uid: user.uid, gid: user.gid };

/**
 * Makes way for a new server after one that was killed. Removes a `postmaster.pid` whose number now belongs to nobody
 * or to another program. Ends a server that its dead parent left behind.
 *
 * @throws if a living process still owns the server on this data.
 */
export const clearStaleServer = async (dataDir: string, onLog: (line: string) => void): Promise<void> => {
  const lockFile = path.join(dataDir, 'postmaster.pid');
  const lines = (await readFile(lockFile, 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  if (!(pid > 0)) return;
  const command = isAlive(pid) ? await commandOf(pid) : '';
  if (!(command.includes('postgres') && command.includes(dataDir))) {
    await rm(lockFile, { force: true });
    return;
  }
  const owner = Number(await readFile(`${dataDir}.owner`, 'utf8').catch(() => '0'));
  if (owner > 0 && owner !== process.pid && isAlive(owner)) {
    throw new Error(`${dataDir} is in use: process ${owner} runs PostgreSQL (${pid}) on it`);
  }
  onLog(`ending PostgreSQL (${pid}), left behind by a process that was killed`);
  process.kill(pid, 'SIGINT');
  for (let waitedMs = 0; isAlive(pid); waitedMs += 50) {
    if (waitedMs > orphanDeadlineMs) throw new Error(`PostgreSQL (${pid}) on ${dataDir} does not end`);
    await sleep(50);
  }
};

const commandOf = async (pid: number): Promise<string> => {
  try {
    return (await run('ps', ['-o', 'command=', '-p', String(pid)])).stdout;
  } catch {
    // No `ps` in slim images; elsewhere it exits non-zero if there is no such process.
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
  }
};
