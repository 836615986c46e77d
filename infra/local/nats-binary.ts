import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { downloadRelease, pinnedVersion, type ReleaseOptions } from './nats-release.ts';

const run = promisify(execFile);

export interface BinaryOptions {
  /** Folder that keeps a binary once it was fetched. */
  readonly cacheDir: string;
  /** `PATH` to search; empty searches none. */
  readonly path?: string;
  readonly release?: Omit<ReleaseOptions, 'cacheDir' | 'progress'>;
  /** Whether the distribution's package may be used (Debian, Ubuntu). */
  readonly useDistribution?: boolean;
  readonly progress?: (message: string) => void;
}

/** The first executable of that name on a `PATH`-like list. */
export const findOnPath = async (name: string, path: string): Promise<string | undefined> => {
  for (const folder of path.split(delimiter)) {
    if (folder !== '' && (await isExecutable(join(folder, name)))) return join(folder, name);
  }
  return undefined;
};

/** Runs `work` while no other process does the same in this folder; a lock that is left behind ends after two minutes. */
export const withFolderLock = async <T>(folder: string, work: () => Promise<T>): Promise<T> => {
  const lock = `${folder}.lock`;
  await mkdir(join(folder, '..'), { recursive: true });
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const age = await stat(lock).then(
        (entry) => Date.now() - entry.mtimeMs,
        () => 0,
      );
      if (age > 120_000) await rm(lock, { recursive: true, force: true });
      else await sleep(200);
    }
  }
  try {
    return await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
};

/**
 * The nats-server to run: from `PATH`, else the cache folder, else the pinned release, else the distribution's package.
 * Throws one sentence that says what to install if none of them works; the causes are in `error.errors`.
 */
export const findNatsBinary = async (options: BinaryOptions): Promise<string> => {
  const progress = options.progress ?? (() => undefined);
  const onPath = await findOnPath('nats-server', options.path ?? process.env['PATH'] ?? '');
  if (onPath !== undefined) return onPath;
  const cached = join(options.cacheDir, 'nats-server');
  if (await isExecutable(cached)) return cached;
  return await withFolderLock(options.cacheDir, async () => {
    if (await isExecutable(cached)) return cached;
    const causes: unknown[] = [];
    try {
      progress(`looking for the nats-server ${pinnedVersion} release`);
      return await downloadRelease({ ...options.release, cacheDir: options.cacheDir, progress });
    } catch (error) {
      causes.push(error);
    }
    if (options.useDistribution ?? process.platform === 'linux') {
      try {
        return await unpackDistributionPackage(options.cacheDir, progress);
      } catch (error) {
        causes.push(error);
      }
    }
    throw new AggregateError(
      causes,
      'nats-server was not found and could not be fetched: install it (https://docs.nats.io, 2.9 or newer) so that it is on PATH, or set MSG_URL to a running server',
    );
  });
};

/** The server's version as numbers, from `nats-server --version`. */
export const versionOf = async (binary: string): Promise<readonly [number, number, number]> => {
  const { stdout } = await run(binary, ['--version'], { timeout: 10_000 });
  const match = /(\d+)\.(\d+)\.(\d+)/.exec(stdout);
  if (match === null) throw new Error(`${binary} --version printed no version`);
  return [Number(match[1]), Number(match[2]), Number(match[3])];
};

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Unpacks the distribution's package into the cache folder; needs no root and installs nothing. */
const unpackDistributionPackage = async (cacheDir: string, progress: (message: string) => void): Promise<string> => {
  await mkdir(cacheDir, { recursive: true });
  const folder = await mkdtemp(join(cacheDir, 'package-'));
  try {
    const download = () => run('apt-get', ['download', 'nats-server'], { cwd: folder, timeout: 60_000 });
    progress('unpacking the distribution’s nats-server package');
    await download().catch(async () => {
      progress('reading the package index (apt-get update)');
      await run('apt-get', ['update'], { timeout: 120_000 });
      return await download();
    });
    const archive = (await readdir(folder)).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new Error('apt-get download left no package');
    await run('dpkg', ['-x', archive, 'root'], { cwd: folder });
    const target = join(cacheDir, 'nats-server');
    const staged = join(cacheDir, `nats-server-${process.pid}`);
    await copyFile(join(folder, 'root/usr/sbin/nats-server'), staged);
    await chmod(staged, 0o755);
    await rename(staged, target);
    return target;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
