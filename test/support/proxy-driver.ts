// Run by test/platform/proxies.test.ts, in a network namespace of its own, because both proxies open fixed ports on every address:
//   node proxy-driver.ts queue-proxy|gateway BINARY FOLDER
// FOLDER holds state-direct/index.js. Prints one line of JSON: what came of each situation.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'undici';
import { postBatch } from '../../infra/connector/dispatch/post-batch.ts';
import type { PostResult } from '../../infra/connector/dispatch/read-answer.ts';
import { nodeFlags } from '../../infra/local/function-replica.ts';
import { encodeBatch } from '../../shared/message/cloud-event.ts';
import { createState } from './state-fixture.ts';
import { startTestDatabase } from './test-database.ts';
import { storeRouting } from './test-function.ts';
import { until } from './until.ts';

const [kind = '', binary = '', folder = ''] = process.argv.slice(2);
const functionPort = 3000;
const providerPort = 8081;
const timeoutSeconds = 5;

const children: ChildProcess[] = [];
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
let output = '';
const start = (command: string, args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess => {
  const child = spawn(command, args, { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (output += text.toString()));
  children.push(child);
  return child;
};

const database = await startTestDatabase();
const state = await createState(database.pool, { columns: [{ name: 'text' }] });
await writeFile(join(folder, 'routing.yaml'), storeRouting);

const startFunction = async (): Promise<ChildProcess> => {
  const child = start(process.execPath, [...nodeFlags, join(folder, 'state-direct/index.js')], {
    NODE_ENV: 'production',
    PORT: String(functionPort),
    HOST: '127.0.0.1',
    DATABASE_URL: database.url,
    MSG_URL: 'nats://127.0.0.1:9',
    ROUTING_FILE: join(folder, 'routing.yaml'),
    SECRETS_DIR: folder,
  });
  await until('the function to be ready', async () => (await fetch(`http://127.0.0.1:${functionPort}/_/ready`)).ok, {
    context: () => output,
  });
  return child;
};

/** What a provider does for the gateway, and no more: it leads calls to the one replica that there is. */
const startProvider = async (): Promise<void> => {
  const server = createServer((incoming, reply) => {
    const path = incoming.url ?? '';
    if (!path.startsWith('/function/')) {
      const status = { name: 'state-direct', replicas: 1, availableReplicas: 1, image: 'x', labels: {} };
      reply.setHeader('content-type', 'application/json');
      reply.end(JSON.stringify(path === '/system/functions' ? [status] : status));
      return;
    }
    const rest = path.replace(/^\/function\/[^/]+/, '') || '/';
    const target = {
      host: '127.0.0.1',
      port: functionPort,
      path: rest,
      method: incoming.method,
      headers: incoming.headers,
    };
    const outgoing = httpRequest(target, (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
    });
    // As faas-provider answers for a function that it cannot reach.
    outgoing.once('error', () => {
      if (!reply.headersSent) reply.writeHead(502);
      reply.end();
    });
    reply.once('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  server.listen(providerPort, '127.0.0.1');
  await once(server, 'listening');
};

const startQueueProxy = (): number => {
  const port = 8012;
  start(binary, [], {
    CONTAINER_CONCURRENCY: '4',
    QUEUE_SERVING_PORT: String(port),
    QUEUE_SERVING_TLS_PORT: '8112',
    USER_PORT: String(functionPort),
    REVISION_TIMEOUT_SECONDS: String(timeoutSeconds),
    SERVING_READINESS_PROBE: JSON.stringify({
      httpGet: { path: '/_/ready', port: functionPort, host: '127.0.0.1', scheme: 'HTTP' },
    }),
    SERVING_LOGGING_CONFIG: '',
    SERVING_LOGGING_LEVEL: 'error',
    SERVING_NAMESPACE: 'state-sync',
    SERVING_CONFIGURATION: 'state-direct',
    SERVING_REVISION: 'state-direct-00001',
    SERVING_POD: 'state-direct-00001-pod',
    SERVING_POD_IP: '127.0.0.1',
  });
  return port;
};

const startGateway = async (): Promise<number> => {
  await startProvider();
  start(binary, [], {
    functions_provider_url: `http://127.0.0.1:${providerPort}/`,
    logs_provider_url: `http://127.0.0.1:${providerPort}/`,
    // As its Helm chart sets them: the upstream's is the shorter one, so that the caller gets an answer.
    read_timeout: `${timeoutSeconds + 3}s`,
    write_timeout: `${timeoutSeconds + 3}s`,
    upstream_timeout: `${timeoutSeconds}s`,
    basic_auth: 'false',
    scale_from_zero: 'false',
    function_namespace: 'openfaas-fn',
    faas_prometheus_host: '127.0.0.1',
    faas_prometheus_port: '9',
  });
  return 8080;
};

let running = await startFunction();
const port = kind === 'queue-proxy' ? startQueueProxy() : await startGateway();
const path = kind === 'queue-proxy' ? '/' : '/function/state-direct';
await until(
  'the proxy to pass a call on',
  async () =>
    (await fetch(`http://127.0.0.1:${port}${kind === 'queue-proxy' ? '/_/health' : '/function/state-direct/_/health'}`))
      .ok,
  { context: () => output },
);

let sequence = 0;
const bodyOf = (messages: number, textBytes = 10): Uint8Array =>
  encodeBatch(
    Array.from({ length: messages }, () => ({
      attempt: 1,
      message: {
        id: randomUUID(),
        stream: 'processor_state_sync',
        sequence: (sequence += 1),
        timestampNs: '1700000000000000000',
        subject: 'processor.state.sync',
        messageType: 'query_state_direct',
        payload: Buffer.from(
          JSON.stringify({
            type: 'query_state_direct',
            state_id: state.stateId,
            query_state: [{ text: 'x'.repeat(textBytes) }],
          }),
        ),
        isJson: true,
      },
    })),
  );
/** As the connector posts: the answer as it reads it. */
const post = async (body: Uint8Array, signal: AbortSignal = new AbortController().signal): Promise<PostResult> => {
  const client = new Client(`http://127.0.0.1:${port}`);
  try {
    return await postBatch(client, { path, headers: {}, body, timeoutMs: 20_000, maxReplyBytes: 1_000_000, signal });
  } finally {
    await client.destroy();
  }
};
const nameOf = (result: PostResult): string =>
  result.kind === 'answered'
    ? [...new Set([...result.outcomes.values()].map(({ outcome }) => outcome))].toSorted().join('+')
    : result.kind;
const counted = (results: readonly PostResult[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const result of results) counts[nameOf(result)] = (counts[nameOf(result)] ?? 0) + 1;
  return counts;
};

const results: Record<string, unknown> = {};
const first = await post(bodyOf(50));
results['a batch of 50'] = first.kind === 'answered' ? { kind: nameOf(first), outcomes: first.outcomes.size } : first;
results['a body over the limit'] = nameOf(await post(bodyOf(1, 9 * 1024 * 1024)));
results['eight batches at once'] = counted(await Promise.all(Array.from({ length: 8 }, () => post(bodyOf(20)))));

// The function hangs: the proxy's own limit ends the call, or as many as may wait are waiting.
running.kill('SIGSTOP');
const hanging = Array.from({ length: 60 }, () => post(bodyOf(1)));
const hung = await Promise.all(hanging);
running.kill('SIGCONT');
results['sixty calls while the function hangs'] = counted(hung);
await until('the function to answer again', async () => nameOf(await post(bodyOf(1))) === 'ack', {
  context: () => output,
});

// The caller gives up: the next call is served.
running.kill('SIGSTOP');
const stop = new AbortController();
const cancelled = post(bodyOf(1), stop.signal);
setTimeout(() => stop.abort(), 300);
results['a call that is given up'] = nameOf(await cancelled);
running.kill('SIGCONT');
await until('the function to answer after that', async () => nameOf(await post(bodyOf(1))) === 'ack', {
  context: () => output,
});
results['a call after one that was given up'] = nameOf(await post(bodyOf(1)));

// A replica that ends in good order: what it has begun is answered, whoever comes later is told to wait.
const begun = Array.from({ length: 4 }, () => post(bodyOf(30)));
running.kill('SIGTERM');
results['calls beside a SIGTERM'] = counted(await Promise.all(begun));
await once(running, 'exit');
results['a call while no replica is there'] = nameOf(await post(bodyOf(1)));
running = await startFunction();
await until('the new replica to be used', async () => nameOf(await post(bodyOf(1))) === 'ack', {
  context: () => output,
});

// A replica that is killed with calls in it.
const beside = Array.from({ length: 4 }, () => post(bodyOf(200, 2_000)));
await new Promise((resolve) => setTimeout(resolve, 20));
running.kill('SIGKILL');
results['calls beside a SIGKILL'] = counted(await Promise.all(beside));
running = await startFunction();
await until('the next replica to be used', async () => nameOf(await post(bodyOf(1))) === 'ack', {
  context: () => output,
});
results['a call after the restart'] = nameOf(await post(bodyOf(1)));

process.stdout.write(`${JSON.stringify(results)}\n`);
for (const child of children) child.kill('SIGKILL');
await database.stop();
process.exit(0);
