import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Every line the process writes, whichever of its two outputs it is on. */
  readonly onLine: (line: string) => void;
  /** Told of every start and every end, so that nothing that runs is ever unknown. */
  readonly register?: ProcessRegister;
}

/** Keeps the pids of running children, so that they can be ended even if their parent was killed. */
export interface ProcessRegister {
  add(pid: number): void;
  remove(pid: number): void;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  hasExited(): boolean;
  /** SIGTERM, and SIGKILL if it is still there after `graceMs`; resolves when it is gone. Can be called twice. */
  stop(graceMs: number): Promise<ChildExit>;
}

/**
 * Starts a process in a process group of its own: Ctrl-C in a terminal reaches the parent alone, which then stops its
 * children in the right order. Rejects if the command cannot be started.
 */
export const startChild = async (options: ChildOptions): Promise<Child> => {
  const child = spawn(options.command, options.args, {
    env: options.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  for (const output of [child.stdout, child.stderr]) createInterface({ input: output }).on('line', options.onLine);

  let exit: ChildExit | undefined;
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      if (child.pid !== undefined) options.register?.remove(child.pid);
      resolve(exit);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.command} started without a process id`);
  if (exit === undefined) options.register?.add(pid);

  const stop = async (graceMs: number): Promise<ChildExit> => {
    if (exit !== undefined) return exit;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    try {
      return await exited;
    } finally {
      clearTimeout(timer);
    }
  };
  return { pid, exited, hasExited: () => exit !== undefined, stop };
};
