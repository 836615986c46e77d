import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import type { BenchContext } from './bench.ts';

interface SpawnOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdio?: StdioOptions;
}

/** Starts a process of this Node, which the run knows of until it has ended. */
export const spawnNode = (
  context: Pick<BenchContext, 'processes' | 'signal'>,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess => spawnProgram(context, process.execPath, args, options);

/** The same for another program. */
export const spawnProgram = (
  { processes, signal }: Pick<BenchContext, 'processes' | 'signal'>,
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess => {
  signal.throwIfAborted();
  const child = spawn(program, args, { env: options.env ?? process.env, stdio: options.stdio ?? 'ignore' });
  const { pid } = child;
  if (pid !== undefined) {
    processes.add(pid);
    child.once('exit', () => processes.remove(pid));
  }
  return child;
};
