// Runs in a network of its own (the watchdog listens on every address): starts a bundle behind of-watchdog, calls it, stops
// it while a call is under way, and prints what happened as JSON.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [watchdog = '', bundle = '', routingFile = ''] = process.argv.slice(2);
const gateway = 'http://127.0.0.1:8080';
const token = 'a-token-for-tests';
const deadlineMs = 2_500;

// A database that accepts connections and never answers: the call lasts until the function's own deadline.
const silent = createServer().listen(5432, '127.0.0.1');
await once(silent, 'listening');

const child = spawn(watchdog, {
  env: {
    PATH: process.env['PATH'] ?? '',
    TMPDIR: process.env['TMPDIR'] ?? '/tmp',
    fprocess: `${process.execPath} ${bundle}`,
    mode: 'http',
    upstream_url: 'http://127.0.0.1:3000',
    port: '8080',
    ready_path: '/_/ready',
    exec_timeout: '60s',
    read_timeout: '65s',
    write_timeout: '10s',
    healthcheck_interval: '500ms',
    prefix_logs: 'false',
    PORT: '3000',
    DATABASE_URL: 'postgresql://nobody:nothing@127.0.0.1:5432/none',
    MSG_URL: 'nats://127.0.0.1:4222',
    ROUTING_FILE: routingFile,
    FUNCTION_TOKEN: token,
    FUNCTION_DEADLINE_MS: String(deadlineMs),
  },
});
let output = '';
for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
const closed = once(child, 'close') as Promise<[number | null]>;

const statusOf = (path: string): Promise<number> =>
  fetch(`${gateway}${path}`).then(
    (reply) => reply.status,
    () => 0,
  );

const post = async (payload: string, authorization: string): Promise<{ status: number; body: string }> => {
  const event = {
    specversion: '1.0',
    id: `call/${payload.length}`,
    source: '/test',
    type: 'ism.test',
    time: '2026-01-02T03:04:05.000Z',
    data_base64: Buffer.from(payload).toString('base64'),
  };
  const reply = await fetch(gateway, {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents-batch+json', authorization },
    body: JSON.stringify([event]),
  });
  return { status: reply.status, body: await reply.text() };
};

const deadline = performance.now() + 20_000;
while ((await statusOf('/_/ready')) !== 200 && performance.now() < deadline && child.exitCode === null) await sleep(50);

const results: Record<string, unknown> = { ready: await statusOf('/_/ready'), health: await statusOf('/_/health') };
results['withoutToken'] = (await post('{}', '')).status;
// Larger than the 100 KiB that OpenFaaS' own Node template would take.
results['malformed'] = await post(`{"type": "query_state_direct", ${' '.repeat(300_000)}`, `Bearer ${token}`);

const underWay = post(
  JSON.stringify({ type: 'query_state_direct', state_id: 'a', query_state: [{ a: 1 }] }),
  `Bearer ${token}`,
);
await sleep(300);
child.kill('SIGTERM');
results['underWay'] = await underWay.catch((error: unknown) => ({ status: 0, body: String(error) }));
results['exitCode'] = (await closed)[0];
results['output'] = output;
silent.close();
process.stdout.write(JSON.stringify(results));
process.exit(0);
