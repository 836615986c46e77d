import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { manifestsOf, meaningOf, podsEnv, renderChart, runHelm } from '../support/helm-chart.ts';
import {
  at,
  containersOf,
  fieldsOf,
  listOf,
  podSpecOf,
  repositoryRoot,
  textOf,
  type Json,
  type Manifest,
} from '../support/kubernetes-manifests.ts';
import { schemaFaults, unknownFieldFaults } from '../support/manifest-schemas.ts';
import { functionNames, openfaasSecretsOf, readText } from '../support/platform.ts';
import { findPart } from '../support/platform-parts.ts';
import { settingNames } from '../support/setting-names.ts';

const helm = await findPart('helm');
const kubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0;
const digest = `sha256:${'ab'.repeat(32)}`;
const images = ['state-direct', 'state-route', 'state-entry', 'manage', 'state-connector'];

/** By name, as what a pod's only container is. */
const containerOf = (manifests: readonly Manifest[], name: string) =>
  containersOf(manifests.find((manifest) => manifest.name === name && containersOf(manifest).length > 0)!)[0]!;
const named = (manifests: readonly Manifest[], kind: string, name: string): Manifest => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.name === name);
  if (found === undefined)
    throw new Error(`no ${kind} ${name} among ${manifests.map((one) => `${one.kind} ${one.name}`).join(', ')}`);
  return found;
};
const kindsOf = (manifests: readonly Manifest[], kind: string): readonly string[] =>
  manifests
    .filter((manifest) => manifest.kind === kind)
    .map(({ name }) => name)
    .toSorted();

/** Values that people install with, and what must follow from each. */
const valueSets: ReadonlyArray<{
  readonly name: string;
  readonly values: Json;
  readonly namespace?: string;
  readonly holds: (manifests: readonly Manifest[]) => void;
}> = [
  {
    name: 'Knative, with everything brought along',
    values: {},
    holds: (all) => {
      expect(
        all
          .filter(({ apiVersion }) => apiVersion === 'serving.knative.dev/v1')
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual([...functionNames].toSorted());
      expect(podsEnv(all, 'connector')).toMatchObject({
        FUNCTION_URL_TEMPLATE: 'http://{name}.state-sync.svc.cluster.local',
      });
      // Its webhook refuses tolerations unless a feature flag allows them.
      expect(
        podSpecOf(all.find(({ apiVersion, name }) => apiVersion.startsWith('serving') && name === 'state-direct')!),
      ).not.toHaveProperty('tolerations');
      expect(podSpecOf(named(all, 'Deployment', 'connector'))['tolerations']).toHaveLength(2);
      // What a worst batch needs: test/platform/memory.test.ts.
      for (const name of [...functionNames, 'connector'])
        expect(containerOf(all, name)['resources'], name).toMatchObject({ limits: { memory: '512Mi' } });
      expect(kindsOf(all, 'ExternalSecret')).toEqual([]);
      expect(kindsOf(all, 'NetworkPolicy')).not.toContain('connector-dns-nodelocal');
    },
  },
  {
    name: 'Knative in another namespace and domain, with a host for the page and its feature flags on',
    namespace: 'ism',
    values: {
      clusterDomain: 'prod.example',
      ingress: { enabled: true, host: 'store.example.org' },
      knative: { podSpecFeatures: true },
      functions: { maxReplicas: 7, minReplicas: 1 },
    },
    holds: (all) => {
      expect(new Set(all.map(({ body }) => at(body, 'metadata', 'namespace')))).toEqual(new Set(['ism']));
      expect(podsEnv(all, 'connector')).toMatchObject({
        FUNCTION_URL_TEMPLATE: 'http://{name}.ism.svc.prod.example',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://jaeger.ism:4318',
      });
      expect(kindsOf(all, 'DomainMapping')).toEqual(['store.example.org']);
      const service = all.find(({ apiVersion, name }) => apiVersion.startsWith('serving') && name === 'state-route')!;
      expect(podSpecOf(service)['tolerations']).toHaveLength(2);
      expect(at(service.body, 'spec', 'template', 'metadata', 'annotations')).toMatchObject({
        'autoscaling.knative.dev/min-scale': '1',
        'autoscaling.knative.dev/max-scale': '7',
      });
    },
  },
  {
    name: 'OpenFaaS by its operator',
    values: {
      target: 'openfaas',
      settings: { LOG_LEVEL: 'WARNING' },
      functions: { resources: { limits: { memory: '768Mi' } } },
    },
    holds: (all) => {
      expect(kindsOf(all, 'Function')).toEqual([...functionNames].toSorted());
      const direct = named(all, 'Function', 'state-direct').body;
      expect(direct).toMatchObject({
        apiVersion: 'openfaas.com/v1',
        metadata: { namespace: 'openfaas-fn' },
        spec: {
          name: 'state-direct',
          secrets: openfaasSecretsOf('state-direct'),
          readOnlyRootFilesystem: true,
          environment: { LOG_LEVEL: 'WARNING', write_timeout: '1m' },
          labels: { 'com.openfaas.scale.zero': 'true', 'com.openfaas.scale.zero-duration': '5m' },
          annotations: { 'com.openfaas.profile': 'state-sync' },
          limits: { memory: '768Mi', cpu: '1' },
        },
      });
      expect(at(named(all, 'Function', 'manage').body, 'spec', 'labels')).toMatchObject({
        'com.openfaas.scale.zero': 'false',
      });
      expect(at(named(all, 'Profile', 'state-sync').body, 'spec', 'tolerations')).toHaveLength(2);
      expect(podsEnv(all, 'connector')).toMatchObject({ GATEWAY_URL: 'http://gateway.openfaas:8080' });
      expect(podsEnv(all, 'connector')).not.toHaveProperty('FUNCTION_URL_TEMPLATE');
    },
  },
  {
    name: 'OpenFaaS Community: functions by faas-cli, another gateway',
    values: { target: 'openfaas', openfaas: { functions: false, gateway: 'http://gateway.faas:8080' } },
    holds: (all) => {
      expect(kindsOf(all, 'Function')).toEqual([]);
      expect(podsEnv(all, 'connector')).toMatchObject({ GATEWAY_URL: 'http://gateway.faas:8080' });
    },
  },
  {
    name: 'plain Deployments that KEDA scales to zero',
    values: { target: 'deployment' },
    holds: (all) => {
      expect(kindsOf(all, 'ScaledObject')).toEqual(['connector', 'state-direct', 'state-entry', 'state-route']);
      expect(at(named(all, 'Deployment', 'connector').body, 'spec')).not.toHaveProperty('replicas');
      expect(at(named(all, 'Deployment', 'manage').body, 'spec', 'replicas')).toBe(0);
      expect(kindsOf(all, 'Service')).toEqual(expect.arrayContaining([...functionNames]) as never);
    },
  },
  {
    name: 'KEDA against a NATS of yours, the connector not to zero, other bounds',
    namespace: 'ism',
    values: {
      target: 'deployment',
      nats: { enabled: false },
      scaling: { natsMonitoringEndpoint: 'nats.shared:8222', natsAccount: 'ISM', connector: false },
      workloads: { 'state-direct': { minReplicas: 2, maxReplicas: 5 } },
      namespaces: { keda: 'keda-system' },
    },
    holds: (all) => {
      expect(kindsOf(all, 'StatefulSet')).toEqual([]);
      expect(kindsOf(all, 'ScaledObject')).toEqual(['state-direct', 'state-entry', 'state-route']);
      const { spec } = named(all, 'ScaledObject', 'state-direct').body as { spec: Json };
      expect(spec).toMatchObject({
        minReplicaCount: 2,
        maxReplicaCount: 5,
        triggers: [{ metadata: { natsServerMonitoringEndpoint: 'nats.shared:8222', account: 'ISM' } }],
      });
      expect(at(named(all, 'Deployment', 'connector').body, 'spec', 'replicas')).toBeGreaterThan(0);
    },
  },
  {
    name: 'plain Deployments with a HorizontalPodAutoscaler and an Ingress',
    values: {
      target: 'deployment',
      scaling: { by: 'hpa', hpaCpuPercent: 60 },
      workloads: { 'state-entry': { maxReplicas: 4 } },
      ingress: {
        enabled: true,
        host: 'store.example.org',
        className: 'nginx',
        tlsSecretName: 'store-tls',
        annotations: { a: 'b' },
      },
    },
    holds: (all) => {
      expect(kindsOf(all, 'ScaledObject')).toEqual([]);
      expect(kindsOf(all, 'HorizontalPodAutoscaler')).toEqual(['state-direct', 'state-entry', 'state-route']);
      expect(at(named(all, 'HorizontalPodAutoscaler', 'state-entry').body, 'spec')).toMatchObject({
        minReplicas: 1,
        maxReplicas: 4,
      });
      expect(at(named(all, 'HorizontalPodAutoscaler', 'state-direct').body, 'spec')).toMatchObject({ maxReplicas: 20 });
      expect(named(all, 'Ingress', 'manage').body).toMatchObject({
        metadata: { annotations: { a: 'b' } },
        spec: { ingressClassName: 'nginx', tls: [{ hosts: ['store.example.org'], secretName: 'store-tls' }] },
      });
      expect(kindsOf(all, 'NetworkPolicy')).toContain('manage-ingress');
      expect(at(named(all, 'Deployment', 'manage').body, 'spec')).not.toHaveProperty('replicas');
    },
  },
  {
    name: 'a trial on one cluster: a database too, no hook that would wait for it',
    values: {
      target: 'deployment',
      scaling: { by: 'none' },
      postgres: { enabled: true, storage: '2Gi', storageClassName: 'standard', passwordSecretName: 'pg' },
      nats: { storage: '1Gi' },
      functions: { resources: { requests: { cpu: '10m' } } },
    },
    holds: (all) => {
      expect(kindsOf(all, 'StatefulSet')).toEqual(['nats', 'postgres']);
      expect(textOf(at(named(all, 'ConfigMap', 'pgbouncer-config').body, 'data', 'pgbouncer.ini'))).toContain(
        'host=postgres port=5432',
      );
      const jobs = all.filter(({ kind }) => kind === 'Job');
      expect(jobs.map(({ name }) => name)).toEqual(
        expect.arrayContaining([expect.stringMatching(/^state-sync-migration-[0-9a-f]{8}$/)]) as never,
      );
      for (const job of jobs) expect(job.body).not.toHaveProperty('metadata.annotations');
      const claim = listOf(at(named(all, 'StatefulSet', 'postgres').body, 'spec', 'volumeClaimTemplates'))[0]!;
      expect(at(claim, 'spec')).toMatchObject({
        storageClassName: 'standard',
        resources: { requests: { storage: '2Gi' } },
      });
      expect(containerOf(all, 'state-direct')['resources']).toMatchObject({
        requests: { cpu: '10m', memory: expect.any(String) as string },
      });
    },
  },
  {
    name: 'images by digest from a private registry, with accounts, priority and spread',
    values: {
      images: {
        registry: 'registry.example/ism',
        digests: Object.fromEntries(images.map((name) => [name, digest])),
        pullPolicy: 'Always',
        pullSecrets: ['regcred'],
      },
      knative: { podSpecFeatures: true },
      pods: {
        priorityClassName: 'high',
        nodeSelector: { pool: 'apps' },
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'topology.kubernetes.io/zone',
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: { matchLabels: { 'app.kubernetes.io/part-of': 'state-sync' } },
          },
        ],
        tolerations: null,
      },
      serviceAccounts: {
        connector: { 'iam.example/role': 'connector' },
        'store-functions': { 'iam.example/role': 'functions' },
      },
      functions: { serviceAccountName: 'store-functions' },
    },
    holds: (all) => {
      for (const name of functionNames)
        expect(containerOf(all, name)['image']).toBe(`registry.example/ism/${name}@${digest}`);
      expect(containerOf(all, 'connector')).toMatchObject({
        image: `registry.example/ism/state-connector@${digest}`,
        imagePullPolicy: 'Always',
      });
      const pod = podSpecOf(named(all, 'Deployment', 'connector'));
      expect(pod).toMatchObject({
        priorityClassName: 'high',
        nodeSelector: { pool: 'apps' },
        imagePullSecrets: [{ name: 'regcred' }],
      });
      expect(pod['topologySpreadConstraints']).toHaveLength(1);
      expect(pod).not.toHaveProperty('tolerations');
      expect(named(all, 'ServiceAccount', 'connector').body).toMatchObject({
        metadata: { annotations: { 'iam.example/role': 'connector' } },
      });
      expect(kindsOf(all, 'ServiceAccount')).toContain('store-functions');
      for (const name of functionNames) {
        const service = all.find((one) => one.name === name && one.apiVersion.startsWith('serving'))!;
        expect(podSpecOf(service)).toMatchObject({
          serviceAccountName: 'store-functions',
          imagePullSecrets: [{ name: 'regcred' }],
        });
      }
    },
  },
  {
    name: 'the least: functions and connector beside a NATS, a pooler and a collector of yours',
    values: {
      nats: { enabled: false },
      pgbouncer: { enabled: false },
      jaeger: { enabled: false },
      migration: { enabled: false },
      networkPolicies: { enabled: false },
      secretName: 'store-secrets',
      settings: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.tracing:4318', LOG_LEVEL: null },
      workloads: {
        connector: { settings: { DRAIN_MS: 5000 }, replicas: 1 },
        manage: { settings: { JAEGER_UI_URL: 'http://traces' } },
      },
      labels: { team: 'ism' },
    },
    holds: (all) => {
      expect(new Set(all.map(({ kind }) => kind))).toEqual(
        new Set(['ServiceAccount', 'Deployment', 'Service', 'PodDisruptionBudget']),
      );
      const env = podsEnv(all, 'connector');
      expect(env).toMatchObject({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.tracing:4318', DRAIN_MS: '5000' });
      expect(env).not.toHaveProperty('LOG_LEVEL');
      expect(podsEnv(all, 'manage')).toMatchObject({ JAEGER_UI_URL: 'http://traces' });
      const volumes = listOf(podSpecOf(named(all, 'Deployment', 'connector'))['volumes']);
      expect(JSON.stringify(volumes)).toContain('"store-secrets"');
      expect(JSON.stringify(volumes)).not.toContain('"state-sync"');
      for (const { body } of all) expect(at(body, 'metadata', 'labels', 'team')).toBe('ism');
    },
  },
  {
    name: 'NATS with TLS and secrets of other names, on a cluster whose DNS is elsewhere',
    namespace: 'ism',
    values: {
      nats: { usersSecretName: 'store-users', tls: { enabled: true, secretName: 'store-tls' } },
      networkPolicies: { dns: ['nodelocal', 'openshift'], nodelocalAddress: '169.254.25.10' },
    },
    holds: (all) => {
      expect(new Set(all.map(({ body }) => at(body, 'metadata', 'namespace')))).toEqual(new Set(['ism']));
      const config = fieldsOf(named(all, 'ConfigMap', 'nats-config').body['data']);
      for (const file of ['tls.conf', 'cluster-tls.conf']) expect(config[file], file).toContain('cert_file');
      const [container] = containersOf(named(all, 'StatefulSet', 'nats'));
      expect(container).toMatchObject({
        envFrom: [{ secretRef: { name: 'store-users' } }],
        volumeMounts: expect.arrayContaining([{ name: 'tls', mountPath: '/etc/nats-tls', readOnly: true }]) as never,
      });
      expect(podSpecOf(named(all, 'StatefulSet', 'nats'))['volumes']).toEqual(
        expect.arrayContaining([{ name: 'tls', secret: { secretName: 'store-tls' } }]),
      );
      const policies = all.filter(({ kind }) => kind === 'NetworkPolicy');
      const text = JSON.stringify(policies.map(({ body }) => body));
      expect(text).toContain('"169.254.25.10/32"');
      expect(text).not.toContain('169.254.20.10');
      expect(kindsOf(all, 'NetworkPolicy')).toEqual(
        expect.arrayContaining(['connector-dns-nodelocal', 'connector-dns-openshift']) as never,
      );
    },
  },
  {
    name: 'secrets from a vault, those of NATS with TLS too',
    namespace: 'ism',
    values: {
      externalSecrets: {
        enabled: true,
        secretStore: { kind: 'ClusterSecretStore', name: 'central' },
        path: 'ism/store',
        refreshInterval: '1h',
      },
      secretName: 'store-secrets',
      nats: { usersSecretName: 'store-users', tls: { enabled: true } },
    },
    holds: (all) => {
      expect(kindsOf(all, 'ExternalSecret')).toEqual(['store-secrets', 'store-users']);
      const own = named(all, 'ExternalSecret', 'store-secrets').body;
      expect(own['spec']).toMatchObject({
        refreshInterval: '1h',
        secretStoreRef: { kind: 'ClusterSecretStore', name: 'central' },
        target: { name: 'store-secrets' },
      });
      // Every key that a pod must have is there, and the authority of NATS' certificates.
      const keys = listOf(at(own, 'spec', 'data')).map((entry) => textOf(at(entry, 'secretKey')));
      expect(keys).toEqual(expect.arrayContaining([...requiredKeys(all, 'store-secrets'), 'nats-ca']));
      for (const entry of listOf(at(own, 'spec', 'data')))
        expect(at(entry, 'remoteRef')).toEqual({ key: 'ism/store', property: at(entry, 'secretKey') });
      expect(at(named(all, 'ExternalSecret', 'store-users').body, 'spec')).toMatchObject({
        target: { name: 'store-users' },
        dataFrom: [{ extract: { key: 'ism/store/nats-users' } }],
      });
      // At an install a hook would wait for a Secret that comes after it.
      expect(all.filter(({ body }) => at(body, 'metadata', 'annotations', 'helm.sh/hook') !== undefined)).toEqual([]);
      expect(kindsOf(all, 'Job')).toEqual(
        expect.arrayContaining([expect.stringMatching(/^state-sync-migration-/)]) as never,
      );
    },
  },
  {
    name: 'secrets from a vault for a NATS of yours',
    values: {
      nats: { enabled: false },
      externalSecrets: { enabled: true, keys: ['database-url', 'msg-url', 'function-token', 'routing', 'nats-creds'] },
    },
    holds: (all) => {
      expect(kindsOf(all, 'ExternalSecret')).toEqual(['state-sync']);
      const data = listOf(at(named(all, 'ExternalSecret', 'state-sync').body, 'spec', 'data'));
      expect(data.map((entry) => textOf(at(entry, 'secretKey')))).toEqual([
        'database-url',
        'msg-url',
        'function-token',
        'routing',
        'nats-creds',
      ]);
    },
  },
  {
    name: 'monitoring, with the labels that its operator looks for',
    values: {
      monitoring: { enabled: true, labels: { release: 'kube-prometheus-stack' } },
      namespaces: { monitoring: 'observability' },
    },
    holds: (all) => {
      const own = all.filter(({ apiVersion }) => apiVersion.startsWith('monitoring.coreos.com/'));
      expect(own.length).toBeGreaterThan(1);
      for (const { body } of own) expect(at(body, 'metadata', 'labels', 'release')).toBe('kube-prometheus-stack');
      expect(JSON.stringify(named(all, 'NetworkPolicy', 'connector').body)).toContain('"observability"');
    },
  },
];

/** Keys of a Secret without which a pod does not start. */
const requiredKeys = (manifests: readonly Manifest[], secret: string): readonly string[] => {
  const found = new Set<string>();
  const look = (value: Json): void => {
    if (Array.isArray(value)) for (const item of value as readonly Json[]) look(item);
    else if (value !== null && typeof value === 'object') {
      const fields = fieldsOf(value);
      const reference = fieldsOf(fields['secret'] ?? fields['secretKeyRef'] ?? {});
      const isOurs = [reference['name'], reference['secretName']].includes(secret) && reference['optional'] !== true;
      if (isOurs && reference['key'] !== undefined) found.add(textOf(reference['key']));
      if (isOurs) for (const item of listOf(reference['items'])) found.add(textOf(at(item, 'key')));
      for (const inner of Object.values(fields)) if (inner !== undefined) look(inner);
    }
  };
  for (const { body } of manifests) look(body);
  return [...found];
};

/** Kinds of OpenFaaS' own; its resource definition knows these fields and no other. */
const openfaasFields: Readonly<Record<string, readonly string[]>> = {
  Function: [
    'annotations',
    'constraints',
    'environment',
    'handler',
    'image',
    'labels',
    'limits',
    'name',
    'readOnlyRootFilesystem',
    'requests',
    'secrets',
  ],
  Profile: [
    'affinity',
    'dnsConfig',
    'dnsPolicy',
    'podSecurityContext',
    'priorityClassName',
    'resources',
    'runtimeClassName',
    'strategy',
    'tolerations',
    'topologySpreadConstraints',
  ],
};

describe.skipIf(helm.path === undefined)(`the chart, by the real helm${helm.note}`, () => {
  const path = helm.path ?? '';

  it.each(valueSets)('renders $name', async ({ values, namespace, holds }) => {
    const manifests = await renderChart(path, values, namespace);
    const names = manifests.map(({ apiVersion, kind, name }) => `${apiVersion} ${kind} ${name}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    // No package has the schemas of External Secrets: the API server checks them by their definition.
    const known = manifests.filter(({ apiVersion }) => !/^(openfaas\.com|external-secrets\.io)\//.test(apiVersion));
    const faults = await Promise.all(
      known.map(async (manifest) =>
        (await schemaFaults(manifest)).map((fault) => `${manifest.kind} ${manifest.name}: ${fault}`),
      ),
    );
    expect(faults.flat()).toEqual([]);
    expect(await unknownFieldFaults(known)).toEqual([]);
    for (const { kind, apiVersion, body } of manifests) {
      if (!apiVersion.startsWith('openfaas.com/')) continue;
      expect(openfaasFields[kind]).toEqual(expect.arrayContaining(Object.keys(fieldsOf(body['spec']))));
    }
    expect(JSON.stringify(manifests)).not.toContain(':latest');
    holds(manifests);
  });

  it.each(valueSets)('passes lint with $name', async ({ values, namespace }) => {
    expect(await runHelm(path, 'lint', values, namespace)).toContain('0 chart(s) failed');
  });

  it.each<[string, Json, RegExp]>([
    ['an unknown value', { targets: 'knative' }, /targets/],
    ['an unknown target', { target: 'lambda' }, /target/],
    ['the tag latest', { images: { tag: 'latest' } }, /tag/],
    ['a digest that is none', { images: { digests: { manage: 'sha256:1' } } }, /digests\/manage/],
    ['a secret among the settings', { settings: { DATABASE_URL: 'postgresql://u:p@h/d' } }, /DATABASE_URL/],
    ['a setting that nothing reads', { functions: { settings: { LOGLEVEL: 'INFO' } } }, /LOGLEVEL/],
    [
      "a function's setting for the connector",
      { workloads: { connector: { settings: { MAX_DB_CONNECTIONS: 2 } } } },
      /MAX_DB_CONNECTIONS/,
    ],
    ['a quantity that is none', { functions: { resources: { limits: { memory: '256 MB' } } } }, /memory/],
    ['a page without a host', { ingress: { enabled: true } }, /ingress\.host/],
    ['a DNS that it does not know', { networkPolicies: { dns: ['coredns'] } }, /dns/],
    ['a store that is none', { externalSecrets: { secretStore: { kind: 'Secret', name: 'x' } } }, /kind/],
    [
      "a page of its own behind OpenFaaS' gateway",
      { target: 'openfaas', ingress: { enabled: true, host: 'h' } },
      /\/function\/manage/,
    ],
  ])('refuses %s and says where it stands', async (_case, values, said) => {
    await expect(renderChart(path, values)).rejects.toThrow(said);
  });

  it('makes a new Job of a new content, and leaves the name of an unchanged one', async () => {
    const jobs = async (values: Json) => kindsOf(await renderChart(path, values), 'Job');
    const before = await jobs({ migration: { hook: false } });
    expect(await jobs({ migration: { hook: false } })).toEqual(before);
    const after = await jobs({
      migration: { hook: false },
      workloads: { 'nats-streams': { resources: { limits: { memory: '256Mi' } } } },
    });
    expect(after).toHaveLength(before.length);
    expect(after.filter((name) => !before.includes(name))).toEqual([expect.stringContaining('nats-streams-')]);
  });

  it('lets the migration run before everything else, its SQL before it', async () => {
    const all = await renderChart(path, {});
    const hooks = all.filter(({ body }) => at(body, 'metadata', 'annotations', 'helm.sh/hook') !== undefined);
    const weights = hooks.map(
      ({ kind, body }) => `${kind} ${textOf(at(body, 'metadata', 'annotations', 'helm.sh/hook-weight')) || '0'}`,
    );
    expect(weights.toSorted()).toEqual(['ConfigMap -1', 'Job 0']);
    for (const { body } of hooks) {
      expect(at(body, 'metadata', 'annotations')).toMatchObject({
        'helm.sh/hook': 'pre-install,pre-upgrade',
        'helm.sh/hook-delete-policy': 'before-hook-creation',
      });
    }
  });

  it('starts pods anew when what they read from a ConfigMap changes', async () => {
    const sumOf = async (values: Json) =>
      at(
        named(await renderChart(path, values), 'Deployment', 'pgbouncer').body,
        'spec',
        'template',
        'metadata',
        'annotations',
        'checksum/config',
      );
    expect(await sumOf({})).toBe(await sumOf({ jaeger: { enabled: false } }));
    expect(await sumOf({ pgbouncer: { host: 'db.example' } })).not.toBe(await sumOf({}));
  });
});

const both = helm.path !== undefined && kubectl;
const bothNote = both ? '' : ` (skipped: ${helm.path === undefined ? 'no helm' : 'there is no kubectl on the path'})`;
describe.skipIf(!both)(`the chart and the kustomize folders mean the same${bothNote}`, () => {
  // What the chart does on purpose by default and its page says: tolerations, and a migration that is a hook.
  const asKustomize = { pods: { tolerations: null } };

  it.each<[string, Json]>([
    ['overlays/knative', {}],
    ['overlays/openfaas', { target: 'openfaas', openfaas: { functions: false } }],
    ['overlays/keda', { target: 'deployment' }],
    ['monitoring', { monitoring: { enabled: true } }],
    ['external-secrets', { externalSecrets: { enabled: true } }],
    ['overlays/knative and components/nats-tls', { nats: { tls: { enabled: true } } }],
    ['overlays/knative and components/dns-nodelocal', { networkPolicies: { dns: ['nodelocal'] } }],
    ['overlays/knative and components/dns-openshift', { networkPolicies: { dns: ['openshift'] } }],
  ])('%s', async (names, values) => {
    const [folder = '', component] = names.split(' and ');
    const text = await kustomize(folder, component);
    const key = (meaning: Json): string =>
      `${textOf(at(meaning, 'kind'))} ${textOf(at(meaning, 'name'))} ${textOf(at(meaning, 'apiVersion'))}`;
    const byName = (manifests: readonly Manifest[]) =>
      Object.fromEntries(
        manifests
          .filter(({ kind }) => kind !== 'Namespace')
          .map(meaningOf)
          .map((meaning) => [key(meaning), meaning]),
      );
    const built = byName(manifestsOf(text, folder));
    const rendered = byName(await renderChart(helm.path ?? '', { ...asKustomize, ...fieldsOf(values) }));
    if (!folder.startsWith('overlays/')) expect(rendered).toMatchObject(built);
    else expect(rendered).toEqual(built);
  });
});

/** A folder of infra/kubernetes, with a component as its comment says. */
const kustomize = async (folder: string, component?: string): Promise<string> => {
  const path = join(repositoryRoot, 'infra/kubernetes', folder);
  const build = (from: string): string => execFileSync('kubectl', ['kustomize', from], { encoding: 'utf8' });
  if (component === undefined) return build(path);
  // kustomize takes relative paths only, and compares real ones.
  const overlay = await realpath(await mkdtemp(join(tmpdir(), 'overlay-')));
  try {
    const relativeTo = (target: string): string => relative(overlay, target);
    const body = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [relativeTo(path)],
      components: [relativeTo(join(repositoryRoot, 'infra/kubernetes', component))],
    };
    await writeFile(join(overlay, 'kustomization.yaml'), JSON.stringify(body));
    return build(overlay);
  } finally {
    await rm(overlay, { recursive: true, force: true });
  }
};

describe("the chart's values", () => {
  const secrets = new Set([
    'DATABASE_URL',
    'MSG_URL',
    'NATS_URL',
    'FUNCTION_TOKEN',
    'NATS_PASSWORD',
    'NATS_TOKEN',
    'NATS_NKEY',
    'NATS_CREDS',
    'NATS_JWT',
    'NATS_SEED',
    'NATS_KEY',
    'GATEWAY_PASSWORD',
  ]);

  it('take the settings that each part reads, but no secret', async () => {
    const schema = JSON.parse(await readText('infra/helm/values.schema.json')) as Json;
    const listed = (definition: string): readonly string[] => {
      const names = at(schema, '$defs', definition, 'propertyNames', 'anyOf');
      return listOf(at(listOf(names)[0], 'enum')).map(textOf);
    };
    const { functions, connector, manage } = settingNames;
    const expected = (...names: readonly ReadonlySet<string>[]): readonly string[] =>
      [...new Set(names.flatMap((some) => [...some]))].filter((name) => !secrets.has(name)).toSorted();
    expect(listed('everySetting')).toEqual(expected(functions, connector, manage));
    expect(listed('functionSettings')).toEqual(expected(functions));
    expect(listed('connectorSettings')).toEqual(expected(connector));
    expect(listed('manageSettings')).toEqual(expected(functions, manage));
  });

  it("have the project's version", async () => {
    const { version } = JSON.parse(await readText('package.json')) as { version: string };
    const chart = await readText('infra/helm/Chart.yaml');
    expect(chart).toContain(`\nversion: ${version}\n`);
    expect(chart).toContain(`\nappVersion: ${version}\n`);
  });
});
