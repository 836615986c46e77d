import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child, type ChildExit, type ProcessRegister } from './child-process.ts';
import { freePort } from './free-port.ts';

/** As in the image (infra/image/Dockerfile, which says why): a process that works hard stays small. */
export const nodeFlags = ['--max-semi-space-size=4', '--max-old-space-size=256'] as const;

/** As in the image too: what its threads allocate lies together, and what is large goes back to the system at once. */
export const allocatorSettings = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
} as const;

export interface ReplicaOptions {
  readonly nodePath: string;
  /** The bundle, run as `node <entry>`. */
  readonly entry: string;
  readonly env: NodeJS.ProcessEnv;
  readonly startTimeoutMs: number;
  readonly onLine: (line: string) => void;
  readonly register?: ProcessRegister;
  readonly signal: AbortSignal;
}

/** One running process of a function, ready to be called. */
export interface Replica {
  readonly pid: number;
  readonly port: number;
  /** Keeps the connections to this process, so that they end with it. */
  readonly agent: Agent;
  readonly exited: Promise<ChildExit>;
  inFlight: number;
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts one process of a function on a free port and waits until its `/_/ready` answers 200. Rejects, with the process
 * gone, if it exits first, is not ready in time, or the host closes meanwhile.
 */
export const startReplica = async (options: ReplicaOptions): Promise<Replica> => {
  const port = await freePort();
  const child = await startChild({
    command: options.nodePath,
    args: [...nodeFlags, options.entry],
    env: { ...allocatorSettings, ...options.env, PORT: String(port) },
    onLine: options.onLine,
    ...(options.register === undefined ? {} : { register: options.register }),
  });
  try {
    await waitUntilReady(child, port, options);
  } catch (error) {
    await child.stop(0);
    throw error;
  }
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  return {
    pid: child.pid,
    port,
    agent,
    exited: child.exited,
    inFlight: 0,
    stop: async (graceMs) => {
      await child.stop(graceMs);
      agent.destroy();
    },
  };
};

/** Cold starts are around 100 ms; a refused connection costs next to nothing, so look often at first. */
const firstPollMs = 10;
const longestPollMs = 100;

const waitUntilReady = async (child: Child, port: number, options: ReplicaOptions): Promise<void> => {
  const stopped = AbortSignal.any([options.signal, AbortSignal.timeout(options.startTimeoutMs)]);
  let pollMs = firstPollMs;
  const failIfExited = async (): Promise<void> => {
    if (!child.hasExited()) return;
    const { code, signal } = await child.exited;
    throw new Error(`exited with ${code === null ? String(signal) : `code ${String(code)}`} before it was ready`);
  };
  while (!(await isReady(port))) {
    if (options.signal.aborted) throw new Error('the host is closing');
    if (stopped.aborted) throw new Error(`not ready after ${String(options.startTimeoutMs)} ms`);
    await failIfExited();
    await sleep(pollMs);
    pollMs = Math.min(longestPollMs, pollMs * 1.5);
  }
  // Somebody else may have taken the port first, and it is them who answered.
  await failIfExited();
};

const probeTimeoutMs = 1_000;

const isReady = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get(
      { host: '127.0.0.1', port, path: '/_/ready', agent: false, timeout: probeTimeoutMs },
      (reply) => {
        reply.resume();
        resolve(reply.statusCode === 200);
      },
    );
    request.once('timeout', () => request.destroy());
    // Refused is the usual answer of a process that does not listen yet.
    request.once('error', () => {
      resolve(false);
    });
  });
