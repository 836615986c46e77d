import { parseArgs } from 'node:util';
import type { GatewayBehaviour } from '../../infra/local/gateway-behaviour.ts';
import { clusterFaults } from './cluster/cluster-faults.ts';
import { clusterMutations, type ClusterMutation } from './cluster/cluster-mutations.ts';
import { pairManagers, topologies, type PairManager, type Topology } from './cluster/topology.ts';
import { faults, type Fault } from './faults.ts';
import { lastsThrough } from './soak.ts';

const usage = `node test/chaos/run.ts [--minutes 2] [--seed N] [--faults a,b] [--nats-binary PATH] [--no-pooler] [--round-seconds 40]
    [--gateway openfaas|knative|local] [--gentle] [--soak] [--in-turn] [--mean-pause-ms 120] [--list]
    [--topology single|cluster] [--failover patroni|promote] [--connectors N] [--mutation NAME] [--replica-cost]
    [--takeovers TURNS]

Publishes a known history while faults are injected, then compares what is stored with it. Exits 1 on any difference.
`;

/** What a run is told to do. */
export interface RunOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly roundSeconds: number;
  /** Those that are injected. */
  readonly faults: readonly Fault[];
  readonly natsBinary: string | undefined;
  readonly hasPooler: boolean;
  readonly gateway: GatewayBehaviour;
  readonly isHostile: boolean;
  /** Memory is judged over the whole time, so no process of the store is ended. */
  readonly isSoak: boolean;
  /** Each fault once, one after the other, with time between them; else at random moments, also at once. */
  readonly isInTurn: boolean;
  /** Of each producer, between two messages. */
  readonly meanPauseMs: number;
  readonly topology: Topology;
  readonly manager: PairManager | undefined;
  readonly connectors: number;
  /** With its name. Such a run must find what the mutation breaks. */
  readonly mutation: (ClusterMutation & { readonly name: string }) | undefined;
  readonly measuresReplicas: boolean;
  /** How often each fault of the connector that reads is measured while thousands of messages wait; 0: not at all. */
  readonly takeoverTurns: number;
  /** Undefined: run; else what is printed instead. */
  readonly print: string | undefined;
}

const flags = {
  minutes: { type: 'string', default: '2' },
  seed: { type: 'string' },
  faults: { type: 'string' },
  'nats-binary': { type: 'string' },
  'no-pooler': { type: 'boolean', default: false },
  'round-seconds': { type: 'string', default: '40' },
  gateway: { type: 'string', default: 'openfaas' },
  gentle: { type: 'boolean', default: false },
  soak: { type: 'boolean', default: false },
  'in-turn': { type: 'boolean', default: false },
  'mean-pause-ms': { type: 'string', default: '120' },
  topology: { type: 'string', default: 'single' },
  failover: { type: 'string' },
  connectors: { type: 'string' },
  mutation: { type: 'string' },
  'replica-cost': { type: 'boolean', default: false },
  takeovers: { type: 'string' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** @throws Error that names what an option may be */
export const readRunOptions = (args: readonly string[]): RunOptions => {
  const { values } = parseArgs({ args: [...args], options: flags });
  const topology = oneOf('topology', topologies, values.topology);
  const isCluster = topology === 'cluster';
  const known = isCluster ? [...faults, ...clusterFaults] : faults;
  const mutation = values.mutation === undefined ? undefined : mutationOf(values.mutation);
  for (const name of ['mutation', 'failover', 'replica-cost', 'takeovers'] as const) {
    if (values[name] !== undefined && values[name] !== false && !isCluster)
      throw new Error(`--${name} needs --topology cluster`);
  }
  const wanted = values.faults ?? mutation?.faults.join(',');
  return {
    minutes: Number(values.minutes),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed),
    roundSeconds: Number(values['round-seconds']),
    faults: wanted === undefined ? (values.soak ? known.filter(lastsThrough) : known) : chooseFaults(known, wanted),
    natsBinary: values['nats-binary'],
    hasPooler: !values['no-pooler'],
    gateway: oneOf('gateway', ['openfaas', 'knative', 'local'], values.gateway),
    isHostile: !values.gentle,
    isSoak: values.soak,
    isInTurn: values['in-turn'],
    meanPauseMs: Number(values['mean-pause-ms']),
    topology,
    manager: values.failover === undefined ? undefined : oneOf('failover', pairManagers, values.failover),
    connectors: Number(values.connectors ?? (isCluster ? '3' : '1')),
    mutation,
    measuresReplicas: values['replica-cost'],
    takeoverTurns: Number(values.takeovers ?? 0),
    print: values.help ? usage : values.list ? known.map(({ name }) => name).join('\n') : undefined,
  };
};

const oneOf = <T extends string>(option: string, allowed: readonly T[], value: string): T => {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new Error(`--${option} is one of ${allowed.join(', ')}`);
  return found;
};

const mutationOf = (name: string): ClusterMutation & { readonly name: string } => {
  const found = clusterMutations[name];
  if (found === undefined) throw new Error(`--mutation is one of ${Object.keys(clusterMutations).join(', ')}`);
  return { ...found, name };
};

const chooseFaults = (known: readonly Fault[], wanted: string): readonly Fault[] => {
  const names = wanted
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.filter((name) => known.every((fault) => fault.name !== name));
  if (unknown.length > 0) throw new Error(`unknown faults: ${unknown.join(', ')}; see --list`);
  return known.filter(({ name }) => names.includes(name));
};
