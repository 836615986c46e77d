import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../../infra/cli/open-store.ts';
import { writeStartedEnvironment } from '../../../infra/local/started-environment.ts';
import { rootDir } from '../../support/local-run.ts';

const started = {
  DATABASE_URL: 'postgresql://me:secret@127.0.0.1:5999/ism',
  MSG_URL: 'nats://127.0.0.1:4999',
  ROUTING_FILE: '/data/routing.yaml',
  FUNCTION_TOKEN: 'token',
  GATEWAY_URL: 'http://127.0.0.1:8080',
};

describe('a running `npm start`', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'open-store-'));
    await mkdir(join(folder, 'run'));
    await writeStartedEnvironment(folder, started);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const storeOf = (env: Readonly<Record<string, string>>) =>
    openStore({
      write: async () => undefined,
      writeError: () => undefined,
      isTerminal: false,
      env: { CACHE_DIR: folder, ...env },
      cwd: folder,
      stdin: (async function* () {})(),
      nowMs: Date.now,
      signal: new AbortController().signal,
    });

  const cases: readonly (readonly [
    name: string,
    env: Readonly<Record<string, string>>,
    gateway: string | undefined,
    others: readonly string[],
  ])[] = [
    ['counts if nothing is set', {}, started.GATEWAY_URL, []],
    [
      'counts if the environment names the same servers',
      { DATABASE_URL: started.DATABASE_URL, MSG_URL: started.MSG_URL, ROUTING_FILE: '/own/routing.yaml' },
      started.GATEWAY_URL,
      [],
    ],
    [
      'counts if they are entered as another user',
      { DATABASE_URL: 'postgres://you@127.0.0.1:5999/ism', NATS_URL: 'nats://user:pass@127.0.0.1:4999' },
      started.GATEWAY_URL,
      [],
    ],
    [
      'does not count beside another database of the same server',
      { DATABASE_URL: 'postgresql://me:secret@127.0.0.1:5999/other' },
      undefined,
      ['DATABASE_URL'],
    ],
    ['does not count beside another server', { MSG_URL: 'nats://elsewhere:4222' }, undefined, ['MSG_URL']],
    ['does not count beside a context of the nats tool', { NATS_CONTEXT: 'prod' }, undefined, ['NATS_CONTEXT']],
  ];
  it.each(cases)('%s', async (_, env, gateway, others) => {
    const store = storeOf(env);
    expect((await store.environment())['GATEWAY_URL']).toBe(gateway);
    expect(await store.namesOfOthers()).toEqual(others);
    await store.close();
  });
});

it('every deployment that a command or a page names is one of the manifests', () => {
  const filesIn = (folder: string, ends: RegExp): readonly string[] =>
    readdirSync(join(rootDir, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => ends.test(name))
      .map((name) => readFileSync(join(rootDir, folder, name), 'utf8'));
  const manifests = filesIn('infra/kubernetes', /\.ya?ml$/).join('\n---\n');
  const deployments = [...manifests.matchAll(/^kind: Deployment\nmetadata:\n(?: {2}.*\n)*? {2}name: (\S+)/gm)];
  // The Python service's own one is the user's; those of the functions bear the names of their folders.
  const functions = readdirSync(join(rootDir, 'functions'));
  const names = new Set([...deployments.map(([, name]) => name), ...functions, 'python-state-sync']);
  const named = [
    ...filesIn('infra', /\.(ts|md)$/)
      .join('\n')
      .matchAll(/deployments?[/ ]([a-z][a-z-]*) --replicas/g),
  ];
  expect(named.length).toBeGreaterThan(2);
  for (const [, name] of named) expect(names).toContain(name);
});
