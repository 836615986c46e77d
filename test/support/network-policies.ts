import { at, fieldsOf, listOf, textOf, type Fields, type Json, type Manifest } from './kubernetes-manifests.ts';

/** Who sends or receives: a pod by its labels and its namespace's, or an address outside of the cluster. */
export interface Peer {
  readonly namespace: string;
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Set for what is no pod. */
  readonly address?: string;
}

const matches = (selector: Json | undefined, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(fieldsOf(at(selector, 'matchLabels'))).every(([key, value]) => labels[key] === value) &&
  listOf(at(selector, 'matchExpressions')).every((expression) => {
    const label = labels[textOf(at(expression, 'key'))];
    const values = listOf(at(expression, 'values'));
    switch (at(expression, 'operator')) {
      case 'In':
        return label !== undefined && values.includes(label);
      case 'NotIn':
        return label === undefined || !values.includes(label);
      case 'Exists':
        return label !== undefined;
      case 'DoesNotExist':
        return label === undefined;
      default:
        throw new Error(`unknown operator in ${JSON.stringify(expression)}`);
    }
  });

const namespaceLabelsOf = (peer: Peer): Readonly<Record<string, string>> => ({
  ...peer.namespaceLabels,
  'kubernetes.io/metadata.name': peer.namespace,
});

/** One entry of `from` or `to`, in a policy of this namespace. */
const peerMatches = (entry: Json, namespace: string, peer: Peer): boolean => {
  const { ipBlock, namespaceSelector, podSelector } = fieldsOf(entry);
  if (ipBlock !== undefined) return peer.address !== undefined && `${peer.address}/32` === at(ipBlock, 'cidr');
  if (peer.address !== undefined) return false;
  const isInside =
    namespaceSelector === undefined
      ? peer.namespace === namespace
      : matches(namespaceSelector, namespaceLabelsOf(peer));
  return isInside && (podSelector === undefined || matches(podSelector, peer.labels));
};

const ruleAllows = (rule: Json, peers: string, namespace: string, peer: Peer, port: number): boolean => {
  const ports = listOf(at(rule, 'ports'));
  const entries = listOf(at(rule, peers));
  const isPort =
    ports.length === 0 || ports.some((entry) => at(entry, 'port') === port && at(entry, 'protocol') !== 'UDP');
  return isPort && (entries.length === 0 || entries.some((entry) => peerMatches(entry, namespace, peer)));
};

const directionAllows = (
  policies: readonly Manifest[],
  direction: 'Ingress' | 'Egress',
  own: Peer,
  other: Peer,
  port: number,
): boolean => {
  if (own.address !== undefined) return true;
  const selecting = policies.filter(
    ({ body }) =>
      textOf(at(body, 'metadata', 'namespace') ?? 'state-sync') === own.namespace &&
      listOf(at(body, 'spec', 'policyTypes')).includes(direction) &&
      matches(at(body, 'spec', 'podSelector'), own.labels),
  );
  if (selecting.length === 0) return true;
  const [rules, peers] = direction === 'Ingress' ? (['ingress', 'from'] as const) : (['egress', 'to'] as const);
  return selecting.some(({ body }: { readonly body: Fields }) =>
    listOf(at(body, 'spec', rules)).some((rule) => ruleAllows(rule, peers, own.namespace, other, port)),
  );
};

/**
 * Whether TCP from one peer to a pod's port passes, as Kubernetes defines it: policies add up, and a pod that none selects is open.
 * A policy without a namespace is one of `state-sync`, where its kustomization puts it.
 */
export const isAllowed = (policies: readonly Manifest[], from: Peer, to: Peer, port: number): boolean =>
  directionAllows(policies, 'Egress', from, to, port) && directionAllows(policies, 'Ingress', to, from, port);
