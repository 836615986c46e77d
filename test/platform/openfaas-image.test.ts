import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundles } from '../../infra/image/build.ts';
import { freePort } from '../../infra/local/free-port.ts';
import { assembleContext } from '../support/build-context.ts';
import { parseDockerfile } from '../support/dockerfile.ts';
import { buildImageByHand, type BuiltImage } from '../support/image-by-hand.ts';
import { repositoryRoot } from '../support/kubernetes-manifests.ts';
import { readStack } from '../support/openfaas-stack.ts';
import { createState, readRows } from '../support/state-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../support/test-nats.ts';

const token = 'a-token-for-tests';
let folder: string;
let database: TestDatabase;
let nats: TestNatsServer;
let installed: string | undefined;
const images = new Map<string, BuiltImage>();

beforeAll(async () => {
  // Not the user's temporary folder: the image's own user must be able to enter it.
  folder = await mkdtemp('/var/tmp/state-sync-image-');
  await chmod(folder, 0o755);
  [database, nats] = await Promise.all([startTestDatabase(), startTestNats()]);
});

afterAll(async () => {
  await Promise.all([database?.stop(), nats?.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** The secrets as OpenFaaS projects them (a file each) or as other platforms mount them (a folder with the key inside). */
const writeSecrets = async (shape: 'files' | 'folders'): Promise<string> => {
  const dir = await mkdtemp(join(folder, 'secrets-'));
  const values = {
    'database-url': database.url,
    'msg-url': nats.url,
    'function-token': token,
    routing: await readFile(join(repositoryRoot, 'routing.yaml'), 'utf8'),
  };
  for (const [name, value] of Object.entries(values)) {
    if (shape === 'folders' && name !== 'routing') await mkdir(join(dir, name));
    await writeFile(shape === 'folders' && name !== 'routing' ? join(dir, name, name) : join(dir, name), `${value}\n`);
  }
  await chmod(dir, 0o755);
  return dir;
};

interface Running {
  readonly url: string;
  readonly output: () => string;
  stop(): Promise<number | null>;
}

/** Runs the image's command as its own user, with the settings that stack.yml gives. */
const start = async (image: BuiltImage, shape: 'files' | 'folders', env: NodeJS.ProcessEnv = {}): Promise<Running> => {
  const secrets = await writeSecrets(shape);
  const port = await freePort();
  const [, ...args] = image.command;
  const child = spawn(process.execPath, args, {
    cwd: image.workdir,
    ...(process.getuid?.() === 0 ? { uid: image.uid, gid: image.uid } : {}),
    env: {
      ...image.env,
      PORT: String(port),
      HOST: '127.0.0.1',
      SECRETS_DIR: secrets,
      ROUTING_FILE: join(secrets, 'routing'),
      ...env,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  const closed = once(child, 'close') as Promise<[number | null]>;
  const url = `http://127.0.0.1:${port}`;
  const statusOf = (path: string): Promise<number> =>
    fetch(`${url}${path}`).then(
      (reply) => reply.status,
      () => 0,
    );
  const deadline = performance.now() + 20_000;
  while ((await statusOf('/_/ready')) !== 200) {
    if (performance.now() > deadline || child.exitCode !== null) {
      child.kill('SIGKILL');
      throw new Error(`not ready: ${output}`);
    }
    await sleep(50);
  }
  return {
    url,
    output: () => output,
    stop: async () => {
      child.kill('SIGTERM');
      return (await closed)[0];
    },
  };
};

describe.each(Object.keys(bundles))('the image of %s', (name) => {
  it('comes out of the Dockerfile, step by step, in the context that the stack describes', async () => {
    const isConnector = name === 'connector';
    const stack = await readStack(isConnector ? 'infra/openfaas/connector.yml' : 'stack.yml');
    const context = join(folder, `${name}-context`);
    await assembleContext(stack, isConnector ? 'state-connector' : name, context);
    const dockerfile = parseDockerfile(await readFile(join(context, 'Dockerfile'), 'utf8'));
    const root = join(folder, `${name}-root`);
    const image = await buildImageByHand({
      dockerfile,
      context,
      root,
      buildArgs: { FUNCTION: name },
      env: {
        npm_config_prefer_offline: 'true',
        WARM_PORT: String(await freePort()),
      },
      ...(installed === undefined ? {} : { installed }),
    });
    installed ??= join(root, 'src/node_modules');
    images.set(name, image);
    // One bundle with its loader and V8's caches of both, the operator's page beside `manage`, and nothing else.
    const page = name === 'manage' ? ['page.html'] : [];
    expect((await readdir(image.workdir)).toSorted()).toEqual(['.compile-cache', 'bundle.js', 'index.js', ...page]);
    const caches = (await readdir(join(image.workdir, '.compile-cache'))).toSorted();
    const user = process.getuid?.() === 0 ? image.uid : process.getuid?.();
    expect(caches).toEqual([
      expect.stringMatching(/^[0-9a-f]{16}-.*\.code$/),
      expect.stringMatching(new RegExp(`^${process.version}-${process.arch}-[0-9a-f]+-${String(user)}$`)),
    ]);
    expect(caches[0]).toContain(`-${process.arch}-${process.versions.v8}.code`);
    expect(image).toMatchObject({ command: ['node', 'index.js'], uid: 12_000 });
  }, 300_000);

  it('starts as its own user from secret files, finds its compile cache, and drains on SIGTERM', async () => {
    const image = images.get(name);
    if (!image) throw new Error('the image was not built');
    const caches = join(image.workdir, '.compile-cache');
    const [codeCache = ''] = (await readdir(caches)).filter((entry) => entry.endsWith('.code'));
    const before = await stat(join(caches, codeCache));
    for (const shape of ['files', 'folders'] as const) {
      const running = await start(image, shape, { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' });
      expect((await fetch(`${running.url}/_/health`)).status).toBe(200);
      expect((await fetch(`${running.url}/metrics`)).status).toBe(200);
      expect(await running.stop()).toBe(0);
      expect(running.output()).toMatch(/index\.js.* was accepted/);
      expect(running.output()).not.toMatch(new RegExp(token));
    }
    // A code cache that V8 refuses is made anew at the end; this one was taken.
    expect((await stat(join(caches, codeCache))).ino).toBe(before.ino);
  }, 60_000);
});

describe('the image of state-direct', () => {
  it('stores a message', async () => {
    const image = images.get('state-direct');
    if (!image) throw new Error('the image was not built');
    const { stateId } = await createState(database.pool);
    const running = await start(image, 'files');
    const post = (headers: Record<string, string>): Promise<Response> =>
      fetch(running.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state: [{ city: 'Oslo' }] }),
      });
    expect((await post({})).status).toBe(401);
    const reply = await post({ authorization: `Bearer ${token}` });
    expect({ status: reply.status, body: await reply.text() }).toMatchObject({ status: 200 });
    expect(await readRows(database.pool, stateId)).toEqual([{ city: 'Oslo' }]);
    expect(await running.stop()).toBe(0);
  }, 60_000);
});
