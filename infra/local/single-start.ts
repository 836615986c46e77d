import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Claims a cache folder for this process: two starts on the same data would damage it. A claim is taken over if its
 * process is gone, or if its number now belongs to another program.
 *
 * @param program part of the command line that tells a living owner from a stranger with its number
 * @returns gives the claim up
 * @throws if a living process has it
 */
export const claimFolder = async (folder: string, program: string): Promise<() => Promise<void>> => {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'start.pid');
  const owner = Number(await readFile(file, 'utf8').catch(() => '0'));
  if (owner > 0 && owner !== process.pid && (await commandOf(owner)).includes(program)) {
    throw new Error(
      `process ${String(owner)} runs on ${folder} already: stop it first, or set CACHE_DIR to another folder`,
    );
  }
  await writeFile(file, `${String(process.pid)}\n`);
  return () => rm(file, { force: true });
};

const run = promisify(execFile);

/** Command line of a running process; empty if there is none. */
const commandOf = async (pid: number): Promise<string> => {
  try {
    return (await readFile(`/proc/${String(pid)}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch {
    // Not Linux, or no such process: `ps` knows, and exits non-zero if there is none.
    return run('ps', ['-o', 'command=', '-p', String(pid)]).then(
      ({ stdout }) => stdout,
      () => '',
    );
  }
};
