import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child, type ProcessRegister } from '../../infra/local/child-process.ts';
import { freePort } from '../../infra/local/free-port.ts';
import { allocatorSettings, nodeFlags } from '../../infra/local/function-replica.ts';

export interface ConnectorRunner {
  /** Undefined while it is between two lives. */
  readonly pid: number | undefined;
  readonly starts: number;
  /** SIGTERM, or SIGKILL if it does not end; it is not started again. */
  stop(graceMs: number): Promise<void>;
}

export interface ConnectorRunnerOptions {
  readonly entry: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onLine: (line: string) => void;
  readonly register: ProcessRegister;
}

const isReady = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/_/ready', agent: false }, (reply) => {
      reply.resume();
      resolve(reply.statusCode === 200);
    }).once('error', () => resolve(false));
  });

/** A connector process that is started again at once whenever it ends, as a cluster does. Resolves when it is ready. */
export const runConnector = async (options: ConnectorRunnerOptions): Promise<ConnectorRunner> => {
  let current: Child | undefined;
  let port = 0;
  let starts = 0;
  const stopping = new AbortController();
  const start = async (): Promise<Child> => {
    port = await freePort();
    starts += 1;
    const { entry, env, onLine, register } = options;
    const command = process.execPath;
    return await startChild({
      command,
      args: [...nodeFlags, entry],
      env: { ...allocatorSettings, ...env, PORT: String(port) },
      onLine,
      register,
    });
  };
  const lives = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const child = await start();
      current = child;
      if (stopping.signal.aborted) child.stop(0).catch(() => undefined);
      const { code, signal } = await child.exited;
      current = undefined;
      options.onLine(`connector ended: ${signal ?? String(code)}`);
      // One that cannot start at all must not take the machine with it.
      if (!stopping.signal.aborted) await sleep(50);
    }
  };
  const running = lives();
  for (let tries = 0; !(await isReady(port)); tries += 1) {
    if (tries > 600) throw new Error('the connector is not ready after 30 s');
    await sleep(50);
  }
  return {
    get pid() {
      return current?.pid;
    },
    get starts() {
      return starts;
    },
    stop: async (graceMs) => {
      stopping.abort();
      await current?.stop(graceMs);
      await running;
    },
  };
};
