import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** PostgreSQL refuses to run as root. If this process is root, the server runs as this account. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Undefined if this process is not root; else `postgres`, made if it is missing, else `nobody`.
 *
 * @throws if the machine has neither account and none can be made.
 */
export const findServerUser = async (onLog: (line: string) => void): Promise<SystemUser | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const existing = await lookUp('postgres');
  if (existing !== undefined) return existing;
  for (const [program, ...parameters] of [
    ['useradd', '--system', '--user-group', '--no-create-home', 'postgres'],
    ['adduser', '-S', '-D', '-H', 'postgres'],
  ] as const) {
    try {
      await run(program, parameters);
      onLog('created the system user postgres (PostgreSQL refuses to run as root)');
      break;
    } catch (error) {
      onLog(`${program} could not create the user postgres: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const user = (await lookUp('postgres')) ?? (await lookUp('nobody'));
  if (user === undefined) throw new Error('PostgreSQL refuses to run as root, and there is no user postgres or nobody');
  return user;
};

/** Whether the user may enter every folder on the way to `folder`, which must exist; the folder itself included. */
export const reachableBy = async (user: SystemUser, folder: string): Promise<boolean> => {
  for (let current = path.resolve(folder); ; current = path.dirname(current)) {
    const { mode, uid, gid } = await stat(current);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (path.dirname(current) === current) return true;
  }
};

const lookUp = async (name: string): Promise<SystemUser | undefined> => {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined; // `id` exits non-zero only if there is no such account
  }
};
