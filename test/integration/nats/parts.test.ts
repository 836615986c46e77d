import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePort } from '../../../infra/local/free-port.ts';
import { builtBundles } from '../../support/built-bundles.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { until } from '../../support/until.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** In the folder of bundles; the command line is run from its source. */
const entries: Readonly<Record<string, readonly string[]>> = {
  'state-direct': ['state-direct/index.js'],
  'state-route': ['state-route/index.js'],
  'state-entry': ['state-entry/index.js'],
  manage: ['manage/index.js'],
  'state-sync-connector': ['connector/index.js'],
  'state-sync-cli': [join(root, 'infra/cli/state-sync.ts'), 'streams', 'create'],
};

let folder: string;
let bundles: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nats-parts-'));
  bundles = await builtBundles();
});
afterAll(() => rm(folder, { recursive: true }));

/** Starts a part as it is deployed; gives its log, its port and its end. */
const start = async (entry: readonly string[], env: Readonly<Record<string, string>>) => {
  const port = await freePort();
  const [file, ...args] = entry;
  const child = spawn(process.execPath, [resolve(bundles, file!), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      HOME: folder,
      CACHE_DIR: join(folder, 'cache'),
      SECRETS_DIR: join(folder, 'none'),
      DATABASE_URL: 'postgresql://nobody:nothing@127.0.0.1:1/none',
      ROUTING_FILE: join(root, 'routing.yaml'),
      GATEWAY_URL: 'http://127.0.0.1:9',
      HOST: '127.0.0.1',
      PORT: String(port),
      ...env,
    },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, 'exit');
  return {
    get log() {
      return log;
    },
    port,
    stop: async () => {
      if (child.exitCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
};

describe('every part enters by the same settings', () => {
  let server: TestNatsServer;
  let monitorPort: number;
  const everConnected = async (): Promise<readonly string[]> => {
    const answer = await fetch(`http://127.0.0.1:${monitorPort}/connz?state=all`);
    return ((await answer.json()) as { connections: { name?: string }[] }).connections.map(({ name }) => name ?? '');
  };

  beforeAll(async () => {
    monitorPort = await freePort();
    server = await startTestNats({ monitorPort, config: 'authorization { user: ann, password: "p#1" }' });
    await writeFile(join(folder, 'nats-user'), 'ann\n');
    await writeFile(join(folder, 'nats-password'), 'p#1\n');
  });
  afterAll(() => server.close());

  it.each(Object.keys(entries))('%s, by the environment and by secret files', async (part) => {
    const ways: readonly Readonly<Record<string, string>>[] = [
      { MSG_URL: server.url, NATS_USER: 'ann', NATS_PASSWORD: 'p#1' },
      { NATS_URL: server.url, SECRETS_DIR: folder },
      { NATS_URL: `nats://ann:p%231@127.0.0.1:${server.port}` },
    ];
    const before = (await everConnected()).filter((name) => name === part).length;
    const runs = await Promise.all(ways.map((env) => start(entries[part]!, env)));
    await until(
      `${part} is connected`,
      async () => (await everConnected()).filter((name) => name === part).length >= before + ways.length,
      { context: () => runs.map(({ log }) => log).join('') },
    );
    for (const run of runs) await run.stop();
  });
});

describe('a connector that cannot enter', () => {
  it.each<
    [
      why: string,
      serve: () => Promise<TestNatsServer | undefined>,
      env: Readonly<Record<string, string>>,
      reason: RegExp,
    ]
  >([
    [
      'refused',
      () => startTestNats({ config: 'authorization { token: right }' }),
      { NATS_TOKEN: 'wrong' },
      /refused the token/,
    ],
    ['away', () => Promise.resolve(undefined), {}, /nothing listens there/],
  ])('because it is %s, says so within 5 s and is not ready', async (_why, serve, env, reason) => {
    const server = await serve();
    const port = server?.port ?? 1;
    const run = await start(entries['state-sync-connector']!, { MSG_URL: `nats://127.0.0.1:${port}`, ...env });
    await until('the port is open', () => fetch(`http://127.0.0.1:${run.port}/_/health`).then(() => true));
    await until('the cause', () => reason.test(run.log), { timeoutMs: 5_000, context: () => run.log });
    expect(run.log).toContain(`127.0.0.1:${port}`);
    expect((await fetch(`http://127.0.0.1:${run.port}/_/ready`)).status).toBe(503);
    await run.stop();
    await server?.close();
  });
});
