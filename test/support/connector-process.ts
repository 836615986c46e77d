import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../infra/local/free-port.ts';
import { builtBundles } from './built-bundles.ts';
import { until } from './until.ts';

export interface ConnectorProcess {
  readonly pid: number;
  readonly url: string;
  /** What it wrote to stderr so far. */
  readonly log: string;
  /** Sends the signal and waits for the end; resolves to the exit code, null if a signal ended it. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

export interface ConnectorProcessOptions {
  readonly natsUrl: string;
  readonly gatewayUrl: string;
  readonly ackWaitSeconds?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A routing file as the ecosystem writes them: no triggers, so the defaults apply. */
const routingYaml = (natsUrl: string, ackWaitSeconds: number): string =>
  [
    'messageConfig:',
    '  routes:',
    ...[
      ['processor/state/sync', 'processor_state_sync', 'processor.state.sync'],
      ['processor/state/router', 'processor_state_router', 'processor.state.router'],
      ['processor/monitor', 'processor_monitor', 'processor.monitor'],
    ].map(
      ([selector, name, subject]) =>
        `    - { selector: ${selector}, name: ${name}, subject: ${subject}, url: "${natsUrl}", ack_wait: ${ackWaitSeconds} }`,
    ),
    '',
  ].join('\n');

/** The connector as it is deployed: a process of its own, told by its environment. Resolves when it is ready. */
export const startConnectorProcess = async (options: ConnectorProcessOptions): Promise<ConnectorProcess> => {
  const folder = await mkdtemp(join(tmpdir(), 'test-connector-'));
  await writeFile(join(folder, 'routing.yaml'), routingYaml(options.natsUrl, options.ackWaitSeconds ?? 5));
  const port = await freePort();
  const entry = join(await builtBundles(), 'connector/index.js');
  const child = spawn(process.execPath, [entry], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ROUTING_FILE: join(folder, 'routing.yaml'),
      GATEWAY_URL: options.gatewayUrl,
      PORT: String(port),
      HOST: '127.0.0.1',
      SECRETS_DIR: folder,
      ...options.env,
    },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'exit').finally(() => running.delete(child));
  if (running.size === 0) process.once('exit', killAll);
  running.add(child);
  const url = `http://127.0.0.1:${port}`;
  const isReady = (): Promise<boolean> =>
    fetch(`${url}/_/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until(`the connector to be ready (${log})`, async () => child.exitCode !== null || (await isReady()));
  if (child.exitCode !== null) throw new Error(`the connector ended at its start: ${log}`);
  return {
    pid: child.pid!,
    url,
    get log() {
      return log;
    },
    kill: async (signal) => {
      child.kill(signal);
      await ended;
      await rm(folder, { recursive: true, force: true });
      return child.exitCode;
    },
  };
};

const running = new Set<ChildProcess>();
const killAll = (): void => {
  for (const child of running) child.kill('SIGKILL');
};

/** Ends those that a failed test left behind: a next try must not meet them. */
export const endConnectorProcesses = async (): Promise<void> => {
  const exits = [...running].map((child) => once(child, 'exit'));
  killAll();
  await Promise.all(exits);
};
