import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../infra/local/free-port.ts';
import { createMemoryLimit } from '../chaos/memory-limit.ts';
import { until } from './until.ts';

/** A bundle as a container runs it: Node's options of the image, settings, and the memory limit that the kernel enforces. */
export interface ContainedProcess {
  readonly pid: number;
  readonly url: string;
  readonly log: string;
  /** The signal or the code that ended it, undefined while it runs. */
  readonly ended: string | undefined;
  /** The most memory that it had so far. */
  peakMegabytes(): number;
  /** How often the kernel killed it for want of memory. */
  kills(): number;
  stop(): Promise<void>;
}

export interface ContainedOptions {
  /** Path of the bundle's `index.js`. */
  readonly entry: string;
  readonly nodeOptions: string;
  readonly limitBytes: number;
  readonly routing: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Whether this machine lets us make a memory cgroup. */
export const canContain = (): boolean => {
  const limit = createMemoryLimit(`state-sync-probe-${process.pid}`, 1 << 30);
  limit?.close();
  return limit !== undefined;
};

/** Starts a bundle under a memory limit; resolves when it is ready. @throws Error if it ends before */
export const startContained = async (options: ContainedOptions): Promise<ContainedProcess> => {
  const limit = createMemoryLimit(`state-sync-contained-${process.pid}-${Date.now()}`, options.limitBytes);
  if (limit === undefined) throw new Error('this machine lets us make no memory cgroup');
  const folder = await mkdtemp(join(tmpdir(), 'contained-'));
  await writeFile(join(folder, 'routing.yaml'), options.routing);
  const port = await freePort();
  const child = spawn(process.execPath, [options.entry], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      NODE_OPTIONS: options.nodeOptions,
      ROUTING_FILE: join(folder, 'routing.yaml'),
      SECRETS_DIR: folder,
      HOST: '127.0.0.1',
      PORT: String(port),
      ...options.env,
    },
  });
  const pid = child.pid!;
  limit.add(pid);
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
  const closed = once(child, 'close');
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.on('exit', killAtExit);
  const url = `http://127.0.0.1:${port}`;
  const ended = (): string | undefined =>
    child.signalCode ?? (child.exitCode === null ? undefined : `code ${child.exitCode}`);
  let peak = 0;
  const isReady = (): Promise<boolean> =>
    fetch(`${url}/_/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until('the process to be ready', async () => ended() !== undefined || (await isReady()));
  if (ended() !== undefined) {
    limit.close();
    throw new Error(`it ended at its start (${ended()}): ${log}`);
  }
  return {
    pid,
    url,
    get log() {
      return log;
    },
    get ended() {
      return ended();
    },
    peakMegabytes: () => {
      if (ended() === undefined) {
        const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        peak = Math.max(peak, Math.round(Number(kilobytes ?? 0) / 1_024));
      }
      return peak;
    },
    kills: () => limit.kills(),
    stop: async () => {
      if (ended() === undefined) child.kill('SIGKILL');
      await closed;
      process.off('exit', killAtExit);
      limit.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
