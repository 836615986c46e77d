// Runs in the image build, in the folder of a bundle: starts it once, gives a function one message, and stops it cleanly, so
// that its compile cache is written with what a first message needs. A function that the platform kills would never fill it
// itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startWarmNats, startWarmPostgres } from './warm-servers.mts';

const port = Number(process.env['WARM_PORT'] ?? 8080);
// An emulated processor is slow.
const startTimeoutMs = 120_000;
const askEveryMs = 50;
const stopTimeoutMs = 60_000;
// With room for a slow processor.
const loadsLaterMs = 3_000;

/** Status of one request, or undefined while nothing listens. */
const ask = (method: string, path: string, body?: string): Promise<number | undefined> =>
  new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', port, method, path, headers: { 'content-type': 'application/json' } });
    call.once('error', () => resolve(undefined));
    call.once('response', (reply) => {
      reply.resume().once('close', () => resolve(reply.statusCode));
    });
    call.end(body);
  });

// Each function takes the one of its type.
const messages = [
  '{"type": "query_state_direct", "state_id": "warm", "query_state": [{"warm": "1"}]}',
  '{"type": "query_state_route", "route_id": "warm:warm", "query_state": [{"warm": "1"}]}',
  '{"type": "query_state_entry", "route_id": "warm:warm", "query_state": [{"warm": "1"}]}',
];

// The connector has no first message to be quick for: it finds addresses that refuse at once.
const isConnector = process.env['FUNCTION'] === 'connector';
const databasePort = isConnector ? 9 : await startWarmPostgres('warm');
const natsPort = isConnector ? 9 : await startWarmNats();
const bundle = spawn(process.execPath, ['index.js'], {
  stdio: ['ignore', 'pipe', 'pipe'],
  env: {
    ...process.env,
    PORT: String(port),
    DATABASE_URL: `postgresql://warm:warm@127.0.0.1:${databasePort}/warm`,
    MSG_URL: `nats://127.0.0.1:${natsPort}`,
    GATEWAY_URL: 'http://127.0.0.1:9',
    ROUTING_FILE: fileURLToPath(new URL('routing.yaml', import.meta.url)),
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    LOG_LEVEL: 'ERROR',
  },
});
let output = '';
for (const stream of [bundle.stdout, bundle.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
const exit = once(bundle, 'close') as Promise<[code: number | null, signal: NodeJS.Signals | null]>;

const deadline = performance.now() + startTimeoutMs;
let listening = false;
const statuses: (number | undefined)[] = [];
while (!listening && bundle.exitCode === null && performance.now() < deadline) {
  await sleep(askEveryMs);
  listening = (await ask('GET', '/_/health')) !== undefined;
}
if (listening) {
  for (const message of messages) statuses.push(await ask('POST', '/', message));
  // A function loads its messaging client a second after its start where no message asked for it before.
  await sleep(loadsLaterMs);
}
bundle.kill('SIGTERM');
setTimeout(() => bundle.kill('SIGKILL'), stopTimeoutMs).unref();
const [code, signal] = await exit;
const cache = process.env['NODE_COMPILE_CACHE'];
// The first level is one folder per Node version, processor and user.
const files = cache === undefined ? 0 : readdirSync(cache, { recursive: true }).length - 1;
const said = statuses.map(String).join(' ');
process.stdout.write(
  `warm: listening ${String(listening)}, messages ${said}, exit ${String(code ?? signal)}, ${String(files)} cached\n`,
);
if (!listening || code !== 0 || files < 1) {
  process.stderr.write(output);
  process.exitCode = 1;
}
