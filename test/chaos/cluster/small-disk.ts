import { execFile } from 'node:child_process';
import { chmod, mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system of its own, small enough to be filled. */
export interface SmallDisk {
  readonly folder: string;
  /** Takes every byte that is free. */
  fill(): Promise<void>;
  /** Gives them back. */
  free(): Promise<void>;
  close(): Promise<void>;
}

const chunkBytes = 1_048_576;

/** Mounts one, which only root may do. @throws with what stands in the way */
export const mountSmallDisk = async (name: string, megabytes: number): Promise<SmallDisk> => {
  const folder = await mkdtemp(`/var/tmp/state-sync-disk-${name}-`);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${String(megabytes)}m,mode=755`, 'state-sync-chaos', folder]);
  } catch (error) {
    await rmdir(folder);
    throw error;
  }
  await chmod(folder, 0o755);
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill: async () => {
      const file = await open(ballast, 'a');
      try {
        // What is left after the large chunks goes in small ones.
        for (let size = chunkBytes; size >= 1; size = Math.floor(size / 16)) {
          const chunk = Buffer.alloc(size);
          while (await writes(file, chunk));
        }
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast, { force: true }),
    close: async () => {
      await run('umount', ['-l', folder]);
      await rmdir(folder);
    },
  };
};

const writes = async (file: { write(data: Buffer): Promise<unknown> }, chunk: Buffer): Promise<boolean> => {
  try {
    await file.write(chunk);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
};
