import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderChart } from '../support/helm-chart.ts';
import { findPart } from '../support/platform-parts.ts';
import { containersOf, readYaml, repositoryRoot, textOf } from '../support/kubernetes-manifests.ts';
import { schemaFaults } from '../support/manifest-schemas.ts';
import { readStored } from '../support/stored-state.ts';
import { startTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { startTestNats, type TestNatsServer } from '../support/test-nats.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';
import { publishAndAwait } from './cluster/publish.ts';

const run = promisify(execFile);
const folder = join(repositoryRoot, 'test/platform/cluster');
const scripts = (await readdir(folder)).filter((name) => name.endsWith('.sh'));
const helm = await findPart('helm');

describe('the scripts of the cluster workflow', () => {
  it.each(scripts)('%s is a script that sh understands', async (name) => {
    await run('sh', ['-n', join(folder, name)]);
  });

  let bin: string;
  beforeAll(async () => {
    bin = await mkdtemp(join(tmpdir(), 'recorders-'));
    // Each notes what it was asked and says yes; the pods come and go as the file `pods` says, a line for each question.
    const recorder = `#!/bin/sh
echo "$(basename "$0") $*" >> "${bin}/calls"
case "$*" in
  *'get secret postgres -o'*) echo cGFzc3dvcmQ= ;;
  *'get secret postgres'*) exit 1 ;;
  *'get pods'*) head -n 1 "${bin}/pods" | tr ' ' '\\n' | grep . || true; sed -i 1d "${bin}/pods" ;;
esac
exit 0
`;
    for (const name of ['kubectl', 'helm', 'docker', 'kind']) {
      await writeFile(join(bin, name), recorder);
      await chmod(join(bin, name), 0o755);
    }
  });
  afterAll(() => rm(bin, { recursive: true, force: true }));

  const runRecorded = async (name: string, args: readonly string[] = []): Promise<readonly string[]> => {
    await rm(join(bin, 'calls'), { force: true });
    await run('sh', [join(folder, name), ...args], {
      env: { ...process.env, SECRETS_DIR: join(bin, 'secrets'), PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    });
    return (await readFile(join(bin, 'calls'), 'utf8')).trim().split('\n');
  };

  it('install: KEDA, the namespace, each secret, then the chart, and waits for what it brings', async () => {
    const calls = await runRecorded('install.sh');
    const steps = [
      'helm upgrade --install keda',
      'kubectl create namespace state-sync',
      'kubectl label namespace state-sync --overwrite pod-security.kubernetes.io/enforce=restricted',
      'kubectl -n state-sync create secret generic postgres',
      'kubectl -n state-sync create secret generic pgbouncer-users',
      'kubectl create secret generic state-sync',
      'helm upgrade --install store infra/helm',
      'kubectl -n state-sync rollout status statefulset/postgres',
      'kubectl -n state-sync wait --for=condition=complete job --all',
    ];
    const places = steps.map((step) => calls.findIndex((call) => call.startsWith(step)));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    // A password in an argument could be read by everybody on the machine.
    expect(calls.join('\n')).not.toMatch(/postgresql:|[0-9a-f]{32}/);
  });

  it('upgrade hands further values to helm', async () => {
    const [first] = await runRecorded('upgrade.sh', ['--set', 'settings.LOG_LEVEL=WARNING']);
    expect(first).toMatch(/^helm upgrade --install store .*--set settings\.LOG_LEVEL=WARNING$/);
  });

  it('waits for zero and for some, and fails with what is there if it does not come', async () => {
    await writeFile(join(bin, 'pods'), 'pod/a pod/b\npod/a\n\n');
    expect(await runRecorded('await-replicas.sh', ['zero'])).toHaveLength(3);
    await writeFile(join(bin, 'pods'), '\npod/a\n');
    expect(await runRecorded('await-replicas.sh', ['some'])).toHaveLength(2);
    await writeFile(join(bin, 'pods'), 'pod/a\n'.repeat(9));
    await expect(runRecorded('await-replicas.sh', ['zero', '1'])).rejects.toThrow('1 pods');
  });

  it('puts the five images onto the nodes that the values name', async () => {
    const calls = await runRecorded('images.sh');
    const [values] = await readYaml('test/platform/cluster/values.yaml');
    expect(values).toMatchObject({ images: { registry: 'state-sync.local', tag: 'trial' } });
    expect(calls[0]).toBe('docker buildx bake -f infra/image/docker-bake.hcl --load');
    expect(calls.slice(1)).toEqual(
      ['state-direct', 'state-route', 'state-entry', 'manage', 'state-connector'].map(
        (image) => `kind load docker-image state-sync.local/${image}:trial`,
      ),
    );
  });
});

describe.skipIf(helm.path === undefined)(`the values of the cluster workflow${helm.note}`, () => {
  it('render into valid objects whose images are the ones that are built', async () => {
    const [values] = await readYaml('test/platform/cluster/values.yaml');
    const all = await renderChart(helm.path ?? '', values!);
    for (const manifest of all) expect(await schemaFaults(manifest), `${manifest.kind} ${manifest.name}`).toEqual([]);
    const ours = all
      .flatMap(containersOf)
      .map((container) => textOf(container['image']))
      .filter((image) => image.includes('state-sync.local'));
    expect(ours).toHaveLength(5);
    for (const image of ours)
      expect(image).toMatch(/^state-sync\.local\/(state-(direct|route|entry|connector)|manage):trial$/);
  });
});

describe('publish.ts, on servers of this machine', () => {
  let database: TestDatabase;
  let server: TestNatsServer;
  let store: TestStore;
  beforeAll(async () => {
    [database, server] = await Promise.all([startTestDatabase(), startTestNats()]);
    store = await startTestStore({ natsUrl: server.url, databaseUrl: database.url });
    await store.startConnector();
  });
  afterAll(async () => {
    await store?.close();
    await Promise.all([server?.close(), database?.stop()]);
  });

  it('publishes 1,000 messages, some of them twice, and finds each stored once', { timeout: 120_000 }, async () => {
    const result = await publishAndAwait({
      natsUrl: server.url,
      databaseUrl: database.url,
      count: 1_000,
      timeoutMs: 90_000,
    });
    expect(result).toMatchObject({ rows: 1_000, distinct: 1_000 });
    expect((await readStored(database.pool, result.stateId)).count).toBe(1_000);
  });

  it('fails with how many are stored if they are not all stored in time', async () => {
    store.setDead('state-direct', true);
    const tried = publishAndAwait({ natsUrl: server.url, databaseUrl: database.url, count: 3, timeoutMs: 1_000 });
    await expect(tried).rejects.toThrow('0 of 3 messages');
    store.setDead('state-direct', false);
  });
});
