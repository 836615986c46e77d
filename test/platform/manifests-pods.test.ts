import { beforeAll, describe, expect, it } from 'vitest';
import {
  at,
  containersOf,
  fieldsOf,
  listOf,
  podLabelsOf,
  podSpecOf,
  textOf,
  type Fields,
  type Json,
  type Manifest,
} from '../support/kubernetes-manifests.ts';
import { envOf, functionNames, isOurs, loadPlatform, type Platform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await loadPlatform();
});

describe('a pod', () => {
  it('refers only to secrets, config maps, volumes and keys that are made somewhere', async () => {
    const secrets = platform.secrets;
    const maps = platform.configMaps;
    const missing: string[] = [];
    const check = (
      manifest: Manifest,
      known: ReadonlyMap<string, readonly string[]>,
      name: string,
      items: Json | undefined,
    ) => {
      const keys = known.get(name);
      if (keys === undefined) missing.push(`${manifest.file}: ${name}`);
      for (const item of listOf(items)) {
        const key = textOf(at(item, 'key'));
        if (keys?.includes(key) === false) missing.push(`${manifest.file}: ${name}/${key}`);
      }
    };
    for (const manifest of platform.workloads) {
      const declared = [
        ...listOf(podSpecOf(manifest)['volumes']),
        ...listOf(at(manifest.body, 'spec', 'volumeClaimTemplates')).map((claim) => at(claim, 'metadata') ?? null),
      ];
      for (const volume of declared) {
        for (const source of [volume, ...listOf(at(volume, 'projected', 'sources'))]) {
          const secret = at(source, 'secret');
          const map = at(source, 'configMap');
          if (secret !== undefined) {
            check(manifest, secrets, textOf(at(secret, 'secretName') ?? at(secret, 'name')), at(secret, 'items'));
          }
          if (map !== undefined) check(manifest, maps, textOf(at(map, 'name')), at(map, 'items'));
        }
      }
      const names = declared.map((volume) => textOf(at(volume, 'name')));
      for (const mount of containersOf(manifest).flatMap((container) => listOf(container['volumeMounts']))) {
        if (!names.includes(textOf(at(mount, 'name'))))
          missing.push(`${manifest.file}: volume ${textOf(at(mount, 'name'))}`);
      }
    }
    expect(missing).toEqual([]);
    expect(secrets.get('state-sync')).toEqual(
      expect.arrayContaining(['database-url', 'msg-url', 'function-token', 'routing']),
    );
  });

  it('runs as a numeric non-root user, on a read-only root, without privileges, within a memory limit', () => {
    for (const manifest of platform.workloads) {
      const pod = fieldsOf(podSpecOf(manifest)['securityContext']);
      for (const container of containersOf(manifest)) {
        const security: Fields = { ...pod, ...fieldsOf(container['securityContext']) };
        expect(security, `${manifest.file} ${manifest.name}`).toMatchObject({
          runAsNonRoot: true,
          runAsUser: expect.any(Number),
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        });
        expect(at(container, 'resources', 'limits', 'memory'), manifest.file).toMatch(/^\d+(Mi|Gi)$/);
      }
      expect(podSpecOf(manifest)['automountServiceAccountToken'], manifest.file).toBe(false);
    }
  });

  it('pins an exact tag of every image that is not our own', () => {
    const images = platform.workloads
      .flatMap(containersOf)
      .filter((container) => !isOurs(container))
      .map((container) => textOf(container['image']));
    expect(images.length).toBeGreaterThan(4);
    for (const image of images) expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?[\w.-]*$/);
  });

  it('is probed on a port that it opens, and ours on the paths that they answer', () => {
    for (const manifest of platform.workloads.filter((workload) => workload.kind !== 'Job')) {
      for (const container of containersOf(manifest)) {
        const ports = listOf(container['ports']).flatMap((port) => [at(port, 'name'), at(port, 'containerPort')]);
        for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'].map((key) => container[key])) {
          const action = at(probe, 'httpGet') ?? at(probe, 'tcpSocket');
          if (probe !== undefined) expect(ports, `${manifest.file} ${manifest.name}`).toContain(at(action, 'port'));
        }
        expect(container['readinessProbe'], manifest.file).toBeDefined();
        if (!isOurs(container)) continue;
        expect(at(container, 'readinessProbe', 'httpGet', 'path')).toBe('/_/ready');
        expect(at(container, 'livenessProbe', 'httpGet', 'path')).toBe('/_/health');
        expect(ports).toContain(8080);
      }
    }
  });

  it('gives itself the time that it needs to end', () => {
    const connector = platform.named('Deployment', 'connector');
    const requestTimeoutSeconds = 60;
    expect(podSpecOf(connector)['terminationGracePeriodSeconds']).toBeGreaterThan(requestTimeoutSeconds);
    for (const name of functionNames) {
      const service = platform.named('Service', name, 'serving.knative.dev');
      const env = envOf(containersOf(service)[0] ?? {});
      const deadlineMs = Number(env.get('FUNCTION_DEADLINE_MS'));
      expect(deadlineMs).toBeGreaterThan(0);
      expect(deadlineMs / 1000).toBeLessThan(Number(podSpecOf(service)['timeoutSeconds']));
    }
  });
});

describe('the connectors', () => {
  const spec = (kind: string): Fields => fieldsOf(at(platform.named(kind, 'connector').body, 'spec'));

  it('are two, on different nodes where there are two', () => {
    expect(spec('Deployment')['replicas']).toBe(2);
    expect(podSpecOf(platform.named('Deployment', 'connector'))['topologySpreadConstraints']).toEqual([
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { app: 'connector' } },
      },
    ]);
  });

  it('never are fewer during an update, and a drain leaves one of two, but is not blocked by a single one', () => {
    expect(spec('Deployment')['strategy']).toEqual({
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
    });
    const { maxUnavailable, minAvailable } = spec('PodDisruptionBudget');
    expect(Number(spec('Deployment')['replicas']) - Number(maxUnavailable)).toBe(1);
    expect(minAvailable).toBeUndefined();
  });
});

describe('a service', () => {
  it('selects a pod that there is and leads to a port that it opens', () => {
    const services = platform.manifests.filter(
      (manifest) => manifest.apiVersion === 'v1' && manifest.kind === 'Service',
    );
    expect(services.length).toBeGreaterThanOrEqual(5);
    for (const service of services) {
      const selector = Object.entries(fieldsOf(at(service.body, 'spec', 'selector')));
      const pods = platform.workloads.filter((workload) =>
        selector.every(([key, value]) => podLabelsOf(workload)[key] === value),
      );
      expect(pods, service.name).toHaveLength(1);
      const ports = pods.flatMap(containersOf).flatMap((container) => listOf(container['ports']));
      for (const port of listOf(at(service.body, 'spec', 'ports'))) {
        expect(
          ports.flatMap((open) => [at(open, 'name'), at(open, 'containerPort')]),
          service.name,
        ).toContain(at(port, 'targetPort'));
      }
    }
  });

  it('is behind every address in this namespace that a setting names', () => {
    const addresses = platform.workloads
      .flatMap(containersOf)
      .flatMap((container) => [...envOf(container).values()])
      .filter((value) => value.includes('.state-sync'));
    expect(addresses.length).toBeGreaterThan(4);
    for (const address of addresses.map((value) => new URL(value))) {
      const service = platform.named('Service', address.hostname.split('.')[0] ?? '');
      const ports = listOf(at(service.body, 'spec', 'ports')).map((port) => at(port, 'port'));
      expect(ports, address.href).toContain(Number(address.port));
    }
  });

  it('and policies and disruption budgets select pods that there are', () => {
    const selecting = platform.manifests.filter(({ kind }) => ['NetworkPolicy', 'PodDisruptionBudget'].includes(kind));
    const apps = platform.workloads.map((workload) => podLabelsOf(workload)['app']);
    for (const manifest of selecting) {
      const selector = at(manifest.body, 'spec', 'podSelector') ?? at(manifest.body, 'spec', 'selector');
      const app = at(selector, 'matchLabels', 'app');
      if (app !== undefined) expect(apps, `${manifest.kind} ${manifest.name}`).toContain(app);
    }
    const budgets = selecting.filter(({ kind }) => kind === 'PodDisruptionBudget').map(({ name }) => name);
    expect(budgets.toSorted()).toEqual(['connector', 'nats', 'pgbouncer']);
  });
});
