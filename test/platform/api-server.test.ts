import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pretendControllers, removeNamespace, startApiServer, type ApiServer } from '../support/api-server.ts';
import { documentedCommands } from '../support/documented-commands.ts';
import {
  at,
  fieldsOf,
  listOf,
  podLabelsOf,
  podSpecOf,
  repositoryRoot,
  textOf,
  type Fields,
  type Json,
} from '../support/kubernetes-manifests.ts';
import { manifestsOf, runHelm } from '../support/helm-chart.ts';
import { findApiServerParts } from '../support/find-api-server-parts.ts';
import { findPart } from '../support/platform-parts.ts';
import { loadPlatform, readText, type Platform } from '../support/platform.ts';

const run = promisify(execFile);

const { apiServer, etcd, crds, isThere, note } = await findApiServerParts();
const helm = await findPart('helm');

/** Every folder that can be applied by itself, read at once because tests are named by them. */
const folders = isThere
  ? [...(await loadPlatform()).kustomizations]
      .filter(([folder, body]) => body['kind'] === 'Kustomization' && folder !== 'infra/postgres')
      .map(([folder]) => folder)
  : [];

describe.skipIf(!isThere)(`a real API server${note}`, () => {
  let server: ApiServer;
  let platform: Platform;
  let clone: string;

  beforeAll(async () => {
    platform = await loadPlatform();
    server = await startApiServer({ apiServer: apiServer.path ?? '', etcd: etcd.path ?? '', crds: crds.path ?? '' });
    clone = await mkdtemp(join(tmpdir(), 'state-sync-applied-'));
    for (const name of ['stack.yml', 'routing.yaml', 'functions', 'shared']) {
      await symlink(join(repositoryRoot, name), join(clone, name));
    }
    await cp(join(repositoryRoot, 'infra'), join(clone, 'infra'), { recursive: true });
  }, 300_000);

  afterAll(async () => {
    await server?.close();
    await rm(clone, { recursive: true, force: true });
  });

  const namespaceOf = async (name: string, labels: readonly string[] = []): Promise<void> => {
    await server.kubectl(['create', 'namespace', name]);
    if (labels.length > 0) await server.kubectl(['label', 'namespace', name, ...labels]);
  };

  it.each(folders)(
    'takes %s by server-side apply, and knows every field',
    async (folder) => {
      await server.kubectl(['create', 'namespace', 'state-sync']).catch(() => undefined);
      const words = [
        'apply',
        '--server-side',
        '--dry-run=server',
        '--validate=strict',
        '-k',
        join(repositoryRoot, folder),
      ];
      expect(await server.kubectl(words)).toContain('serverside-applied');
    },
    120_000,
  );

  it.skipIf(helm.path === undefined).each<{ readonly what: string; readonly name: string; readonly values: Json }>([
    { what: 'its defaults', name: 'chart-defaults', values: {} },
    {
      what: 'plain Deployments with KEDA, TLS, other DNS, monitoring',
      name: 'chart-keda',
      values: {
        target: 'deployment',
        nats: { tls: { enabled: true } },
        networkPolicies: { dns: ['nodelocal', 'openshift'] },
        monitoring: { enabled: true, labels: { release: 'kube-prometheus-stack' } },
      },
    },
    {
      what: 'Knative with secrets from a vault, accounts, priority and limits',
      name: 'chart-vault',
      values: {
        externalSecrets: { enabled: true, secretStore: { kind: 'ClusterSecretStore', name: 'central' } },
        knative: { podSpecFeatures: false },
        serviceAccounts: { 'store-functions': { 'iam.example/role': 'functions' } },
        functions: { serviceAccountName: 'store-functions', resources: { limits: { memory: '768Mi' } } },
        workloads: { nats: { priorityClassName: 'system-cluster-critical' } },
      },
    },
    {
      what: 'a trial with a database, an autoscaler and an Ingress',
      name: 'chart-trial',
      values: {
        target: 'deployment',
        scaling: { by: 'hpa' },
        postgres: { enabled: true },
        ingress: { enabled: true, host: 'store.example.org', tlsSecretName: 'store-tls' },
      },
    },
    {
      what: 'OpenFaaS Community',
      name: 'chart-openfaas',
      values: { target: 'openfaas', openfaas: { functions: false, profile: false } },
    },
    {
      what: 'OpenFaaS’ Functions and a Profile with affinity, spread and priority',
      name: 'chart-functions',
      values: {
        target: 'openfaas',
        openfaas: { namespace: 'chart-functions', functionNamespace: 'chart-functions' },
        settings: { LOG_LEVEL: 'DEBUG' },
        functions: {
          priorityClassName: 'system-cluster-critical',
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'pool', operator: 'In', values: ['store'] }] }],
              },
            },
          },
          topologySpreadConstraints: [
            { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' },
          ],
        },
      },
    },
  ])(
    `takes the chart by server-side apply, with $what${helm.note}`,
    async ({ name, values }) => {
      await namespaceOf(name);
      const rendered = await runHelm(helm.path ?? '', 'template', values, name);
      const words = ['-n', name, 'apply', '--server-side', '--validate=strict', '-f', '-'];
      const said = await server.kubectl(words, rendered);
      const made = manifestsOf(rendered, 'infra/helm');
      expect(said.match(/serverside-applied$/gm)).toHaveLength(made.length);
    },
    120_000,
  );

  it('admits every pod where Pod Security `restricted` is enforced, and refuses one that is not like them', async () => {
    await namespaceOf('strict', ['pod-security.kubernetes.io/enforce=restricted']);
    const podOf = (name: string, labels: Fields, spec: Fields): string => {
      // What Knative adds to a pod's specification is no part of a pod.
      const {
        containerConcurrency: _concurrency,
        timeoutSeconds: _timeout,
        serviceAccountName: _account,
        ...pod
      } = spec;
      const containers = listOf(pod['containers']).map((container) => {
        const { readinessProbe: _ready, livenessProbe: _live, ...rest } = fieldsOf(container);
        return { name: 'function', ...rest };
      });
      return JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, labels },
        spec: { ...pod, containers },
      });
    };
    const words = ['-n', 'strict', 'create', '--dry-run=server', '--validate=strict', '-f', '-'];
    for (const manifest of platform.workloads) {
      const name = `${manifest.name}-${manifest.kind.toLowerCase()}`;
      // What a StatefulSet claims for each pod is a volume of the pod.
      const claimed = listOf(at(manifest.body, 'spec', 'volumeClaimTemplates')).map((claim) => ({
        name: textOf(at(claim, 'metadata', 'name')),
        emptyDir: {},
      }));
      const spec = podSpecOf(manifest);
      const volumes = [...listOf(spec['volumes']), ...claimed];
      const created = await server.kubectl(words, podOf(name, podLabelsOf(manifest), { ...spec, volumes }));
      expect(created, manifest.file).toContain('created (server dry run)');
    }
    const [first] = platform.workloads;
    const root = { ...podSpecOf(first!), securityContext: {} };
    const bare = { ...root, containers: [{ name: 'root', image: 'x' }] };
    await expect(server.kubectl(words, podOf('root', {}, bare))).rejects.toThrow(/violates PodSecurity "restricted/);
  }, 300_000);

  describe('the documented commands', () => {
    const type = async (commands: readonly string[], failing = false) => {
      const controllers = pretendControllers(
        server,
        'state-sync',
        (job) => failing && job.startsWith('state-sync-migration'),
      );
      try {
        const env = { ...server.env, SECRETS_DIR: join(clone, 'secrets'), TIMEOUT: failing ? '3s' : '3m' };
        return await run('sh', ['-euc', commands.join('\n')], { cwd: clone, env }).then(
          ({ stdout }) => ({ code: 0, said: stdout }),
          (error: { readonly code?: number; readonly stdout?: string; readonly stderr?: string }) => ({
            code: error.code ?? 1,
            said: `${error.stdout ?? ''}${error.stderr ?? ''}`,
          }),
        );
      } finally {
        await controllers.stop();
      }
    };
    const objects = async (kinds: string): Promise<readonly Json[]> =>
      listOf(at(JSON.parse(await server.kubectl(['-n', 'state-sync', 'get', kinds, '-o', 'json'])) as Json, 'items'));
    const names = async (kinds: string): Promise<readonly string[]> =>
      (await objects(kinds)).map((item) => textOf(at(item, 'metadata', 'name')));
    const edit = async (file: string, from: string | RegExp, to: string): Promise<void> => {
      const text = await readFile(join(clone, file), 'utf8');
      expect(text).toMatch(from);
      await writeFile(join(clone, file), text.replace(from, to));
    };

    it('of Knative’s page install everything on an empty cluster', async () => {
      await removeNamespace(server, 'state-sync');
      const { code, said } = await type(documentedCommands(await readText('infra/knative/README.md')));
      expect(code, said).toBe(0);
      expect(said).toContain('rollout: done');
      expect((await names('ksvc')).toSorted()).toEqual(['manage', 'state-direct', 'state-entry', 'state-route']);
      expect(await names('deployments')).toEqual(expect.arrayContaining(['connector', 'pgbouncer', 'jaeger']));
      expect(await names('jobs')).toHaveLength(2);
    }, 300_000);

    it('of an upgrade make new Jobs for new SQL and new streams, beside the old ones', async () => {
      await edit('infra/postgres/002_state_sync.sql', /^/, '-- a newer version\n');
      await edit(
        'infra/kubernetes/nats/streams/processor_usage.json',
        /"duplicate_window": \d+/,
        '"duplicate_window": 60000000000',
      );
      const { code, said } = await type(
        documentedCommands(await readText('infra/kubernetes/upgrade.md'), '## Upgrade'),
      );
      expect(code, said).toBe(0);
      expect(await names('jobs')).toHaveLength(4);
    }, 300_000);

    it('of an upgrade change nothing else if the migration fails', async () => {
      const generations = async (): Promise<readonly Json[]> =>
        (await objects('deployments,statefulsets')).map((item) => at(item, 'metadata', 'generation') ?? null);
      const before = await generations();
      await edit('infra/postgres/002_state_sync.sql', /^/, '-- one that fails\n');
      await edit('infra/kubernetes/base/connector.yaml', 'value: INFO', 'value: DEBUG');
      const commands = documentedCommands(await readText('infra/kubernetes/upgrade.md'), '## Upgrade');
      const { code, said } = await type(commands, true);
      expect(code, said).not.toBe(0);
      expect(said).toContain('nothing else was changed');
      expect(await generations()).toEqual(before);
    }, 300_000);

    it('of the way back bring the version before', async () => {
      await rm(join(clone, 'infra'), { recursive: true });
      await cp(join(repositoryRoot, 'infra'), join(clone, 'infra'), { recursive: true });
      const { code, said } = await type(documentedCommands(await readText('infra/kubernetes/upgrade.md'), '## Back'));
      expect(code, said).toBe(0);
      expect(said).toContain('rollout: done');
    }, 300_000);

    it('of the takeover start no connector, stop a running one, and start it again', async () => {
      const replicas = async (): Promise<Json | undefined> => {
        const found = (await objects('deployments')).find((item) => at(item, 'metadata', 'name') === 'connector');
        return at(found, 'spec', 'replicas');
      };
      const running = await replicas();
      expect(running).toBeGreaterThan(0);
      const apply = (overlay: string): Promise<string> =>
        server.kubectl(['apply', '-k', join(clone, 'infra/kubernetes/overlays', overlay)]);
      await apply('knative-paused');
      expect(await replicas()).toBe(0);
      await apply('knative');
      expect(await replicas()).toBe(running);
    }, 300_000);

    it('for NATS’ disks make them larger, which an apply alone is refused', async () => {
      await edit('infra/kubernetes/nats/nats.yaml', 'storage: 10Gi', 'storage: 20Gi');
      const commands = documentedCommands(await readText('infra/kubernetes/upgrade.md'), "## NATS' disks");
      const alone = await type(commands.filter((command) => command.includes('apply')));
      expect(alone.code).not.toBe(0);
      expect(alone.said).toMatch(/The StatefulSet "nats" is invalid/);
      const { code, said } = await type(commands);
      expect(code, said).toBe(0);
    }, 300_000);

    it('of monitoring are taken as kube-prometheus-stack wants them', async () => {
      await server.kubectl(['apply', '-k', join(clone, 'infra/kubernetes/overlays/kube-prometheus-stack')]);
      expect(await names('podmonitors')).toHaveLength(3);
    }, 120_000);
  });
});
