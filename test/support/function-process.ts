import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../infra/local/free-port.ts';
import { until } from './until.ts';
import { storeRouting } from './test-function.ts';

/** One function as it is deployed, but for the bundle: a process of its own, told by its environment. */
export interface FunctionProcess {
  readonly log: string;
  post(
    body: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly body: string }>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Sends the signal and waits for the end; resolves to the exit code and how long it took. */
  kill(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly tookMs: number }>;
}

/** Starts `functions/<name>/main.ts`; resolves when it is ready. */
export const startFunctionProcess = async (
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<FunctionProcess> => {
  const folder = await mkdtemp(join(tmpdir(), 'function-process-'));
  await writeFile(join(folder, 'routing.yaml'), storeRouting);
  const port = await freePort();
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../../functions/${name}/main.ts`, import.meta.url))], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ROUTING_FILE: join(folder, 'routing.yaml'),
      SECRETS_DIR: folder,
      HOST: '127.0.0.1',
      PORT: String(port),
      MSG_URL: 'nats://127.0.0.1:9',
      ...env,
    },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'close');
  process.on('exit', () => child.kill('SIGKILL'));
  const agent = new Agent({ keepAlive: true });
  const call = (method: string, path: string, headers: Readonly<Record<string, string>> = {}, body = '') =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent }, (reply) => {
        let text = '';
        reply.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        reply.once('end', () => resolve({ status: reply.statusCode ?? 0, body: text }));
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  await until('the function to be ready', async () => {
    if (child.exitCode !== null) throw new Error(`the function ended at its start: ${log}`);
    return call('GET', '/_/ready').then(
      ({ status }) => status === 200,
      () => false,
    );
  });
  return {
    get log() {
      return log;
    },
    post: (body, headers = { 'content-type': 'application/json' }) => call('POST', '/', headers, body),
    metrics: async () => (await call('GET', '/metrics')).body,
    kill: async (signal) => {
      const startedMs = performance.now();
      child.kill(signal);
      const [code] = (await ended) as [number | null];
      agent.destroy();
      await rm(folder, { recursive: true, force: true });
      return { code, tookMs: performance.now() - startedMs };
    },
  };
};
