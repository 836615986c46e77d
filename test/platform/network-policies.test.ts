import { beforeAll, describe, expect, it } from 'vitest';
import { at, containersOf, listOf, podLabelsOf, textOf, type Manifest } from '../support/kubernetes-manifests.ts';
import { codeSpans, tableRows } from '../support/markdown.ts';
import { isAllowed, type Peer } from '../support/network-policies.ts';
import { loadPlatform, readText, type Platform } from '../support/platform.ts';

const own = (app: string, labels: Readonly<Record<string, string>> = {}): Peer => ({
  namespace: 'state-sync',
  labels: { app, ...labels },
});

/** The labels that pods have: ours in this repository, others as their owners' manifests give them. */
const peers: Readonly<Record<string, Peer>> = {
  connector: own('connector'),
  nats: own('nats'),
  'nats-streams': own('nats-streams'),
  migration: own('state-sync-migration'),
  pgbouncer: own('pgbouncer'),
  jaeger: own('jaeger'),
  'knative-function': own('state-direct', { 'serving.knative.dev/service': 'state-direct' }),
  'openfaas-function': { namespace: 'openfaas-fn', labels: { faas_function: 'state-direct' } },
  'openfaas-gateway': { namespace: 'openfaas', labels: { app: 'gateway' } },
  kourier: { namespace: 'kourier-system', labels: { app: '3scale-kourier-gateway' } },
  istio: { namespace: 'istio-system', labels: { istio: 'ingressgateway' } },
  contour: { namespace: 'contour-internal', labels: { app: 'envoy' } },
  activator: { namespace: 'knative-serving', labels: { app: 'activator' } },
  autoscaler: { namespace: 'knative-serving', labels: { app: 'autoscaler' } },
  prometheus: { namespace: 'monitoring', labels: { 'app.kubernetes.io/name': 'prometheus' } },
  keda: { namespace: 'keda', labels: { app: 'keda-operator' } },
  'nats-client': { namespace: 'processors', namespaceLabels: { 'state-sync/nats-client': 'true' }, labels: {} },
  stranger: { namespace: 'default', labels: { app: 'connector' } },
  dns: { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
  'dns-openshift': { namespace: 'openshift-dns', labels: { 'dns.operator.openshift.io/daemonset-dns': 'default' } },
  'dns-nodelocal': { namespace: '', labels: {}, address: '169.254.20.10' },
  'external-broker': { namespace: '', labels: {}, address: '203.0.113.7' },
};

interface Connection {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** The component whose policy it needs. */
  readonly component: string | undefined;
}

let platform: Platform;
let connections: readonly Connection[];
let policies: readonly Manifest[];
beforeAll(async () => {
  platform = await loadPlatform();
  policies = platform.manifests.filter(({ kind }) => kind === 'NetworkPolicy');
  connections = tableRows(await readText('infra/kubernetes/README.md'), 'from').flatMap(([from, to, ports, why]) =>
    (ports ?? '').split(',').map((port) => ({
      from: codeSpans(from ?? '')[0] ?? '',
      to: codeSpans(to ?? '')[0] ?? '',
      port: Number(port),
      component: /^`(components\/[a-z-]+)`/.exec(why ?? '')?.[1],
    })),
  );
});

const withComponent = (component: string | undefined): readonly Manifest[] =>
  policies.filter(({ file }) => {
    if (file.includes('/deployments/') || file.includes('/keda/')) return false;
    return !file.includes('/components/') || (component !== undefined && file.includes(`${component}/`));
  });

const show = ({ from, to, port }: Pick<Connection, 'from' | 'to' | 'port'>): string => `${from} -> ${to}:${port}`;

describe('the table of who talks to whom', () => {
  it('names parts that there are, with the labels of their pods, and every part that makes pods', () => {
    expect(connections.length).toBeGreaterThan(40);
    const named = new Set(connections.flatMap(({ from, to }) => [from, to]));
    expect([...named].filter((name) => peers[name] === undefined)).toEqual([]);
    for (const workload of platform.workloads) {
      const app = podLabelsOf(workload)['app'];
      const isListed = Object.values(peers).some(
        (peer) => peer.namespace === 'state-sync' && peer.labels['app'] === app,
      );
      const isFunction = workload.apiVersion === 'serving.knative.dev/v1' || workload.file.includes('/deployments/');
      expect(isListed || isFunction, `${workload.file}: ${textOf(app)}`).toBe(true);
    }
  });

  it('is let through by the policies, each with the component that it names', () => {
    const refused = connections.filter(
      ({ from, to, port, component }) => !isAllowed(withComponent(component), peers[from]!, peers[to]!, port),
    );
    expect(refused.map(show)).toEqual([]);
  });

  it('is all that is let to our pods', () => {
    const ours = Object.entries(peers).filter(([, peer]) => peer.namespace === 'state-sync');
    const opened = platform.workloads
      .flatMap(containersOf)
      .flatMap((container) => listOf(container['ports']).map((port) => Number(at(port, 'containerPort'))));
    const ports = new Set([...connections.map(({ port }) => port), ...opened, 22, 5432, 9090, 10_250]);
    const listed = new Set(connections.filter(({ component }) => component === undefined).map(show));
    const extra: string[] = [];
    for (const [from, sender] of Object.entries(peers)) {
      for (const [to, receiver] of ours) {
        for (const port of ports) {
          const name = show({ from, to, port });
          if (!listed.has(name) && isAllowed(withComponent(undefined), sender, receiver, port)) extra.push(name);
        }
      }
    }
    expect(extra).toEqual([]);
  });

  it('lets the connector out to no database, and to no pod of a namespace that is not named', () => {
    for (const port of [5432, 6432, 3306, 8080, 8081]) {
      for (const to of ['external-broker', 'stranger', 'dns', 'keda']) {
        expect(isAllowed(withComponent(undefined), peers['connector']!, peers[to]!, port), `${to}:${port}`).toBe(false);
      }
    }
    // Another cluster's DNS needs its component.
    expect(isAllowed(withComponent(undefined), peers['connector']!, peers['dns-openshift']!, 5353)).toBe(false);
    expect(isAllowed(withComponent(undefined), peers['connector']!, peers['dns-nodelocal']!, 53)).toBe(false);
  });
});
