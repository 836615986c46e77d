import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { findNatsBinary, type BinaryOptions } from './nats-binary.ts';

export interface NatsServerOptions {
  /** JetStream's files; made if missing, kept at stop. */
  readonly storeDir: string;
  /** Keeps the binary once it was fetched. */
  readonly cacheDir: string;
  /** A free port if absent. */
  readonly port?: number;
  /** No monitoring endpoint if absent. */
  readonly monitorPort?: number;
  /** Path of the binary; searched and fetched if absent. */
  readonly binary?: string;
  /** Further lines of the server's configuration (`max_payload: 2MB`, accounts, ...). */
  readonly config?: string;
  readonly find?: Omit<BinaryOptions, 'cacheDir' | 'progress'>;
  readonly startTimeoutMs?: number;
  readonly progress?: (message: string) => void;
  /** It ended, and nobody asked for that. */
  readonly onEnded?: (why: string) => void;
}

export interface NatsServer {
  readonly url: string;
  /** `server_name`: what a cluster calls it. */
  readonly name: string;
  readonly port: number;
  /** The running process; undefined while it is stopped. */
  readonly pid: number | undefined;
  readonly binary: string;
  /** SIGTERM, then SIGKILL after 10 s; resolves when the process has ended. */
  stop(): Promise<void>;
  /** Sends the signal; if it ends the process, resolves once that has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts again on the same port and files; a running server is stopped first. */
  restart(): Promise<void>;
}

/** Starts a nats-server with JetStream on file storage, on 127.0.0.1 only. */
export const startNats = async (options: NatsServerOptions): Promise<NatsServer> => {
  const progress = options.progress ?? (() => undefined);
  const binary = options.binary ?? (await findNatsBinary({ ...options.find, cacheDir: options.cacheDir, progress }));
  const port = options.port ?? (await freePort());
  // Whoever answers on the port must be this server: another one may have been quicker.
  const serverName = `local-${randomUUID()}`;
  await mkdir(options.storeDir, { recursive: true });
  const configFile = join(options.storeDir, 'nats-server.conf');
  await writeFile(
    configFile,
    [
      `server_name: ${JSON.stringify(serverName)}`,
      `listen: "127.0.0.1:${port}"`,
      options.monitorPort === undefined ? '' : `http: "127.0.0.1:${options.monitorPort}"`,
      `jetstream { store_dir: ${JSON.stringify(options.storeDir)} }`,
      options.config ?? '',
      '',
    ].join('\n'),
  );

  let child: ChildProcess | undefined;
  let isStopping = false;
  // The last resort if the caller's process ends without stop(): nothing may be left behind.
  const onExit = (): void => {
    if (child !== undefined && !hasEnded(child)) child.kill('SIGKILL');
  };
  process.on('exit', onExit);

  const start = async (): Promise<void> => {
    // A process group of its own: Ctrl-C in a terminal must reach the starter alone, which stops the parts in order.
    const started = spawn(binary, ['-c', configFile], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    child = started;
    let tail = '';
    started.stderr.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString()).slice(-2_000)));
    let failure: Error | undefined;
    started.once('error', (error) => (failure = error));
    const deadlineMs = performance.now() + (options.startTimeoutMs ?? 30_000);
    let reportedMs = performance.now();
    while (!(await greets(port, serverName))) {
      if (failure !== undefined) throw new Error(`nats-server did not start: ${failure.message}`, { cause: failure });
      if (hasEnded(started))
        throw new Error(`nats-server ended at start: ${tail.trim().split('\n').slice(-3).join(' | ')}`);
      if (performance.now() > deadlineMs) {
        started.kill('SIGKILL');
        throw new Error(`nats-server did not answer in time on port ${port}`);
      }
      if (performance.now() - reportedMs > 1_000) {
        reportedMs = performance.now();
        progress('waiting for nats-server');
      }
      await sleep(20);
    }
    isStopping = false;
    started.once('exit', (code, signal) => {
      if (!isStopping && child === started) options.onEnded?.(signal ?? `exit ${String(code)}`);
    });
  };

  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (child === undefined || hasEnded(child)) return;
    const ended = once(child, 'exit');
    isStopping = true;
    child.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT') await ended;
  };

  const stop = async (): Promise<void> => {
    isStopping = true;
    if (child === undefined || hasEnded(child)) return;
    const running = child;
    // A stopped (SIGSTOP) process takes no SIGTERM.
    running.kill('SIGCONT');
    const force = setTimeout(() => running.kill('SIGKILL'), 10_000);
    await kill('SIGTERM');
    clearTimeout(force);
  };

  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    name: serverName,
    port,
    binary,
    get pid() {
      return child === undefined || hasEnded(child) ? undefined : child.pid;
    },
    stop: async () => {
      await stop();
      process.off('exit', onExit);
    },
    kill,
    restart: async () => {
      await stop();
      process.off('exit', onExit);
      process.on('exit', onExit);
      await start();
    },
  };
};

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Resolves when the server of this name greets; it opens its client port only after JetStream has recovered. */
const greets = (port: number, serverName: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    let greeting = '';
    const finish = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.setEncoding('latin1').on('data', (text: string) => {
      greeting += text;
      if (greeting.includes('\r\n')) finish(greeting.startsWith('INFO ') && greeting.includes(`"${serverName}"`));
    });
    socket.once('timeout', () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
  });
