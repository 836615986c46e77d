import { basename, dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseRouting } from '../../shared/routing/parse-routing.ts';
import {
  at,
  containersOf,
  fieldsOf,
  filesBelow,
  listOf,
  podSpecOf,
  textOf,
  type Fields,
} from '../support/kubernetes-manifests.ts';
import { functionNames, loadPlatform, projectVersion, readText, type Platform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await loadPlatform();
});

describe('the connector', () => {
  it('neither knows the database nor reaches it', () => {
    const connector = platform.named('Deployment', 'connector');
    expect(JSON.stringify(podSpecOf(connector))).not.toMatch(/database|postgres/i);
    const egress = at(platform.named('NetworkPolicy', 'connector').body, 'spec', 'egress');
    const ports = listOf(egress)
      .flatMap((rule) => listOf(at(rule, 'ports')))
      .map((port) => at(port, 'port'));
    expect(ports).toEqual(expect.arrayContaining([53, 4222, 8080, 4318]));
    expect(ports).not.toContain(5432);
    expect(ports).not.toContain(6432);
  });
});

describe('the broker', () => {
  it('is three servers that know each other by the names that the set gives them', async () => {
    const nats = platform.named('StatefulSet', 'nats');
    const service = textOf(at(nats.body, 'spec', 'serviceName'));
    expect(platform.named('Service', service).body).toMatchObject({
      spec: { clusterIP: 'None', publishNotReadyAddresses: true },
    });
    const config = await readText('infra/kubernetes/nats/nats.conf');
    const routes = [...config.matchAll(/"nats:\/\/([^"]+)"/g)].map((match) => match[1]);
    const replicas = Number(at(nats.body, 'spec', 'replicas'));
    expect(replicas).toBe(3);
    expect(routes).toEqual(Array.from({ length: replicas }, (_, index) => `nats-${index}.${service}:6222`));
    expect(config).toMatch(/sync_interval: 1s/);
  });

  it('declares the streams of routing.yaml and the dead letters, three copies each, as the connector would make them', async () => {
    const routing = parseRouting(await readText('routing.yaml'));
    const wanted = ['processor/state/sync', 'processor/state/router', 'processor/monitor', 'processor/usage'].map(
      (selector) => {
        const route = routing.routes.get(selector);
        return { name: route?.name, subjects: [route?.subject, `${route?.subject}.>`], retention: 'workqueue' };
      },
    );
    const { stream, subject } = routing.deadLetter;
    wanted.push({ name: stream, subjects: [subject, `${subject}.>`], retention: 'limits' });
    const files = (await filesBelow('infra/kubernetes/nats/streams')).filter((file) => file.endsWith('.json'));
    const declared = await Promise.all(
      files.map(async (file) => [basename(file, '.json'), JSON.parse(await readText(file)) as Fields] as const),
    );
    for (const [name, body] of declared) expect(body).toMatchObject({ name, storage: 'file', num_replicas: 3 });
    const shown = declared.map(([, body]) => ({
      name: body['name'],
      subjects: body['subjects'],
      retention: body['retention'],
    }));
    const byName = (a: { name?: unknown }, b: { name?: unknown }): number => (String(a.name) < String(b.name) ? -1 : 1);
    expect(shown.toSorted(byName)).toEqual(wanted.toSorted(byName));
  });
});

describe('PgBouncer', () => {
  it('pools by transaction and listens where its service leads', async () => {
    const config = await readText('infra/kubernetes/pgbouncer/pgbouncer.ini');
    expect(config).toMatch(/^pool_mode = transaction$/m);
    const port = Number(/^listen_port = (\d+)$/m.exec(config)?.[1]);
    const [container] = containersOf(platform.named('Deployment', 'pgbouncer'));
    expect(listOf(container?.['ports']).map((open) => at(open, 'containerPort'))).toEqual([port]);
  });
});

describe('the migration', () => {
  it('carries every SQL file of the schema', async () => {
    const files = (await filesBelow('infra/postgres')).filter(
      (file) => /^\d{3}_.*\.sql$/.test(basename(file)) && dirname(file) === 'infra/postgres',
    );
    expect(platform.configMaps.get('state-sync-migration')).toEqual([
      ...files.map((file) => basename(file)),
      'migration.yaml',
    ]);
  });
});

describe('alerts and dashboard', () => {
  it('use metrics of the documented table only, and leave none of the questions out', async () => {
    const table = await readText('infra/kubernetes/README.md');
    const documented = [...table.matchAll(/^\| `(state_sync_[a-z_]+)/gm)].map((match) => match[1] ?? '');
    const alerts = JSON.stringify(platform.named('PrometheusRule', 'state-sync').body);
    const dashboard = await readText('infra/kubernetes/monitoring/dashboard.json');
    const used = new Set(
      [...`${alerts} ${dashboard}`.matchAll(/\bstate_sync_[a-z_]+/g)].map((match) =>
        match[0].replace(/_(bucket|sum|count)$/, ''),
      ),
    );
    expect([...used].filter((name) => !documented.includes(name))).toEqual([]);
    for (const name of documented) expect(dashboard, name).toContain(name);
    for (const name of ['health', 'lag_messages', 'dead_letters_total', 'duration_seconds']) {
      expect(alerts).toContain(`state_sync_${name}`);
    }
  });
});

describe('Knative', () => {
  it('has a service for every function: to zero but for manage, bounded, on the cluster only', async () => {
    for (const name of functionNames) {
      const service = platform.named('Service', name, 'serving.knative.dev');
      expect(service.apiVersion).toBe('serving.knative.dev/v1');
      expect(at(service.body, 'metadata', 'labels', 'networking.knative.dev/visibility')).toBe('cluster-local');
      // Autoscaling annotations count on the revision only, not on the service.
      const annotations = fieldsOf(at(service.body, 'spec', 'template', 'metadata', 'annotations'));
      expect(annotations['autoscaling.knative.dev/min-scale']).toBe(name === 'manage' ? '1' : '0');
      expect(Number(annotations['autoscaling.knative.dev/max-scale'])).toBeGreaterThanOrEqual(1);
      expect(Number(podSpecOf(service)['containerConcurrency'])).toBeGreaterThan(0);
      expect(textOf(containersOf(service)[0]?.['image'])).toBe(`ghcr.io/alethic-ism/${name}:${await projectVersion()}`);
    }
  });
});
