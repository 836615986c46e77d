import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assembleContext } from '../support/build-context.ts';
import { repositoryRoot } from '../support/kubernetes-manifests.ts';
import { communityFaults, readStack, type DeployRequest } from '../support/openfaas-stack.ts';
import { functionNames, openfaasSecretsOf } from '../support/platform.ts';
import { findPart } from '../support/platform-parts.ts';
import { startRecordingGateway, type RecordingGateway } from '../support/recording-gateway.ts';

const cli = await findPart('faas-cli');
const secretNames = ['database-url', 'msg-url', 'function-token', 'routing', 'nats-functions', 'nats-manage'];
const pro = 'infra/openfaas/stack.pro.yml';
let clone: string;
const gateways: RecordingGateway[] = [];

beforeAll(async () => {
  // faas-cli writes into the folder that it runs in; what it reads there is the repository's own.
  clone = await mkdtemp(join(tmpdir(), 'state-sync-clone-'));
  const entries = [
    'stack.yml',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'routing.yaml',
    'functions',
    'shared',
    'infra',
  ];
  for (const entry of entries) await symlink(join(repositoryRoot, entry), join(clone, entry));
});

afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close()));
  await rm(clone, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

const run = async (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> => {
  const path = `${dirname(cli.path ?? '')}:${process.env['PATH'] ?? ''}`;
  const child = spawn(command, args, { cwd: clone, env: { PATH: path, HOME: clone, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
};

/** Path -> checksum of every file below a folder. */
const treeOf = async (folder: string): Promise<Readonly<Record<string, string>>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sums = files.toSorted().map(async (file) => {
    const sum = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    return [relative(folder, file), sum] as const;
  });
  return Object.fromEntries(await Promise.all(sums));
};

type Answer = Parameters<typeof startRecordingGateway>[0];
const startGateway = async (answer: Answer): Promise<RecordingGateway> => {
  const gateway = await startRecordingGateway(answer);
  gateways.push(gateway);
  return gateway;
};
const deployments = (gateway: RecordingGateway): readonly DeployRequest[] =>
  gateway.requests.filter(({ method }) => method === 'POST').map(({ body }) => body as unknown as DeployRequest);
/** As a gateway without functions: an update finds nothing, a creation is taken unless `refuse` says why not. */
const emptyGateway =
  (refuse: (request: DeployRequest) => string | undefined): Answer =>
  ({ method, body }) => {
    if (method === 'PUT') return { status: 404 };
    const reason = refuse(body as unknown as DeployRequest);
    return reason === undefined ? { status: 202 } : { status: 400, text: reason };
  };
const asCommunity = emptyGateway((request) => communityFaults([request], secretNames)[0]);

describe.skipIf(cli.path === undefined)(`the real faas-cli${cli.note}`, () => {
  it('assembles the build context of all five images from a fresh clone, with the template that the script writes', async () => {
    expect(await run('sh', ['infra/openfaas/template.sh'])).toMatchObject({ code: 0 });
    for (const file of ['stack.yml', 'infra/openfaas/connector.yml']) {
      const ended = await run('faas-cli', ['build', '--shrinkwrap', '-f', file]);
      expect(ended.code, ended.output).toBe(0);
    }
    for (const name of [...functionNames, 'state-connector']) {
      const stack = await readStack(name === 'state-connector' ? 'infra/openfaas/connector.yml' : 'stack.yml');
      const expected = join(clone, 'expected', name);
      await assembleContext(stack, name, expected);
      const built = await treeOf(join(clone, 'build', name));
      expect(built, name).toEqual(await treeOf(expected));
      expect(Object.keys(built)).toEqual(
        expect.arrayContaining([
          'Dockerfile',
          'package-lock.json',
          'infra/image/build.ts',
          `functions/state-direct/main.ts`,
        ]),
      );
    }
  }, 60_000);

  it("deploys stack.yml to a gateway with Community's rules, which takes all of it", async () => {
    const gateway = await startGateway(asCommunity);
    const ended = await run('faas-cli', ['deploy'], { OPENFAAS_URL: gateway.url, TAG: '1.2.3', LOG_LEVEL: 'DEBUG' });
    expect(ended.code, ended.output).toBe(0);
    const sent = deployments(gateway);
    expect(sent.map(({ service }) => service).toSorted()).toEqual(functionNames.toSorted());
    expect(communityFaults(sent, secretNames)).toEqual([]);
    for (const request of sent) {
      expect(request).toMatchObject({
        image: `ghcr.io/alethic-ism/${request.service}:1.2.3`,
        secrets: openfaasSecretsOf(request.service),
        readOnlyRootFilesystem: true,
        envVars: { ROUTING_FILE: '/var/openfaas/secrets/routing', LOG_LEVEL: 'DEBUG', OTEL_EXPORTER_OTLP_ENDPOINT: '' },
        labels: { 'com.openfaas.scale.max': '5' },
      });
      expect(request).not.toHaveProperty('envProcess');
    }
  });

  it("deploys the overlay with scale to zero where it is taken, and fails with Community's reason where not", async () => {
    const takesAll = await startGateway(emptyGateway(() => undefined));
    const taken = await run('faas-cli', ['deploy', '-f', pro], { OPENFAAS_URL: takesAll.url, ZERO_AFTER: '90s' });
    expect(taken.code, taken.output).toBe(0);
    for (const request of deployments(takesAll)) {
      expect(request.labels).toMatchObject({
        'com.openfaas.scale.zero': request.service === 'manage' ? 'false' : 'true',
        'com.openfaas.scale.zero-duration': '90s',
      });
      expect(request.annotations).toMatchObject({ 'com.openfaas.ready.http.path': '/_/ready' });
    }
    const community = await startGateway(asCommunity);
    const refused = await run('faas-cli', ['deploy', '-f', pro], { OPENFAAS_URL: community.url });
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain('scale');
  });

  it('makes the secrets by one command, updates them by a second one, and fails if the gateway refuses', async () => {
    const known = new Set<string>();
    const gateway = await startGateway(({ method, body }) => {
      const name = String(body['name']);
      if (method === 'POST' && known.has(name)) return { status: 409 };
      known.add(name);
      return { status: method === 'POST' ? 201 : 202 };
    });
    const env = { OPENFAAS_URL: gateway.url, SECRETS_DIR: join(clone, 'secrets-a') };
    const given = { ...env, DATABASE_URL: 'postgresql://u:p%40ss@db/ism', MSG_URL: 'nats://u:p&w@nats:4222' };
    const first = await run('sh', ['infra/openfaas/secrets.sh', 'faas-cli'], given);
    expect(first.code, first.output).toBe(0);
    const second = await run('sh', ['infra/openfaas/secrets.sh', 'faas-cli'], env);
    expect(second.code, second.output).toBe(0);
    const [made, updated] = ['POST', 'PUT'].map((method) =>
      gateway.requests.filter((request) => request.method === method),
    );
    const created = made?.slice(0, secretNames.length).map(({ body }) => [body['name'], body['value']] as const) ?? [];
    expect(created.map(([name]) => name)).toEqual(secretNames);
    expect(updated?.map(({ body }) => [body['name'], body['value']])).toEqual(created);
    const values = Object.fromEntries(created) as Record<string, string>;
    expect(values).toMatchObject({ 'database-url': given.DATABASE_URL, 'msg-url': given.MSG_URL });
    expect(values['function-token']).toMatch(/^[0-9a-f]{64}$/);
    expect(values['routing']).toContain(`url: '${given.MSG_URL}'`);
    expect(values['routing']).not.toContain('localhost');
    for (const name of secretNames) expect(first.output + second.output).not.toContain(values[name]);

    const closed = await startGateway(() => ({ status: 401 }));
    const refused = await run('sh', ['infra/openfaas/secrets.sh', 'faas-cli'], { ...given, OPENFAAS_URL: closed.url });
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain('unauthorized');
  });
});

describe('the secrets command', () => {
  const withKubectl = async (
    secretsDir: string,
    env: NodeJS.ProcessEnv,
  ): Promise<Ended & { readonly calls: string }> => {
    const bin = join(clone, 'bin');
    await mkdir(bin, { recursive: true });
    // Writes down how it was called, and what files those arguments name.
    await writeFile(
      join(bin, 'kubectl'),
      `#!/bin/sh\necho "$@" >> "${clone}/kubectl.calls"\ncat > /dev/null < /dev/null\n`,
    );
    await chmod(join(bin, 'kubectl'), 0o755);
    const ended = await run('sh', ['infra/openfaas/secrets.sh', 'kubectl:elsewhere'], {
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      SECRETS_DIR: secretsDir,
      ...env,
    });
    return { ...ended, calls: await readFile(join(clone, 'kubectl.calls'), 'utf8').catch(() => '') };
  };

  it('makes one Secret with a key each for kubectl, from files that only their owner can read', async () => {
    const dir = join(clone, 'secrets-b');
    const routing = join(clone, 'own-routing.yaml');
    await writeFile(routing, 'messageConfig: { routes: [] }\n');
    const ended = await withKubectl(dir, {
      DATABASE_URL: 'postgresql://secret-one',
      MIGRATION_DATABASE_URL: 'postgresql://secret-two',
      MSG_URL: 'nats://secret-three',
      FUNCTION_TOKEN: 'secret-four',
      ROUTING_FILE: routing,
    });
    expect(ended.code, ended.output).toBe(0);
    expect(ended.calls).toContain('create secret generic state-sync --namespace=elsewhere --dry-run=client');
    expect(ended.calls).toContain('apply --server-side');
    expect(ended.calls).not.toContain('secret-');
    const contents = await Promise.all(
      ['database-url', 'msg-url', 'function-token', 'routing', 'migration-database-url'].map((name) =>
        readFile(join(dir, name), 'utf8'),
      ),
    );
    expect(contents).toEqual([
      'postgresql://secret-one',
      'nats://secret-three',
      'secret-four',
      'messageConfig: { routes: [] }\n',
      'postgresql://secret-two',
    ]);
    expect(ended.calls).toContain('create secret generic nats-users --namespace=elsewhere');
    for (const part of ['connector', 'functions', 'manage', 'services']) {
      const context = JSON.parse(await readFile(join(dir, `nats-${part}`), 'utf8')) as Record<string, string>;
      expect(context).toEqual({
        user: part,
        password: await readFile(join(dir, `nats-${part}-password`), 'utf8'),
        inbox_prefix: part === 'services' ? '_INBOX' : `_INBOX_${part}`,
      });
      expect(context['password']).toMatch(/^s[0-9a-f]{64}$/);
    }
    for (const name of secretNames) expect((await stat(join(dir, name))).mode & 0o077).toBe(0);
  });

  it.each([
    { what: 'a user in MSG_URL', env: { MSG_URL: 'nats://user:password@host:4222' }, key: undefined },
    { what: 'a token', env: { NATS_TOKEN: 'secret-token' }, key: 'nats-token' },
    { what: 'a credentials file', env: { NATS_CREDS: 'own.creds' }, key: 'nats-creds' },
  ])('leaves the made-up users out where the deployer brings $what', async ({ env, key }) => {
    const dir = await mkdtemp(join(clone, 'secrets-own-'));
    await writeFile(join(clone, 'own.creds'), 'secret-creds');
    const ended = await withKubectl(dir, { DATABASE_URL: 'postgresql://x', MSG_URL: 'nats://x', ...env });
    expect(ended.code, ended.output).toBe(0);
    expect(JSON.parse(await readFile(join(dir, 'nats-connector'), 'utf8'))).toEqual({});
    if (key === undefined) return;
    expect(ended.calls).toContain(`/${key}`);
    expect(await readFile(join(dir, key), 'utf8')).toBe(key === 'nats-token' ? 'secret-token' : 'secret-creds');
  });

  it('says what is missing and makes nothing', async () => {
    const ended = await withKubectl(join(clone, 'secrets-c'), { MSG_URL: 'nats://x' });
    expect(ended.code).toBe(1);
    expect(ended.output).toContain('set DATABASE_URL');
  });
});
