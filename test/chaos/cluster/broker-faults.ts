import { setTimeout as sleep } from 'node:timers/promises';
import { findStream } from '../../../shared/nats/ensure-stream.ts';
import { always, type Fault, type FaultContext } from '../faults.ts';
import { insist } from '../insist.ts';
import type { LinkMode } from '../tcp-proxy.ts';
import type { World } from '../world.ts';
import { emptyDisk, type Broker } from './brokers.ts';
import { untilReplicated } from './replicas.ts';

/** What a server of three can be for the store. */
const brokerRoles = ['stream', 'consumer', 'meta'] as const;
type BrokerRole = (typeof brokerRoles)[number];

const stream = 'processor_state_sync';

const leaderName = async ({ connection }: World, role: 'stream' | 'consumer'): Promise<string | undefined> => {
  if (role === 'stream') return (await findStream(connection, stream))?.cluster?.leader;
  const manager = await connection.jetstreamManager({ checkAPI: false });
  for await (const { cluster } of manager.consumers.list(stream)) return cluster?.leader;
  return undefined;
};

/** The server that leads now; undefined while none does. */
const leaderOf = async (world: World, role: BrokerRole): Promise<Broker | undefined> => {
  if (role === 'meta') return await world.brokers.metaLeader();
  const name = await leaderName(world, role);
  return world.brokers.all.find(({ server }) => server.name === name);
};

/** How long it lasts (milliseconds), within what the plan of the fault says. */
const lasting = ({ random, duration }: FaultContext, leastMs: number, mostMs: number): number =>
  random.between(duration?.leastMs ?? leastMs, duration?.mostMs ?? mostMs);

const bringBack = (broker: Broker): Promise<void> => insist(() => broker.server.restart());

/** What can befall a server; over when it is back. */
const brokerActions: Readonly<Record<string, (context: FaultContext, broker: Broker) => Promise<boolean>>> = {
  kill: async (context, broker) => {
    const isHit = broker.server.pid !== undefined;
    await broker.server.kill('SIGKILL');
    await sleep(lasting(context, 0, 8_000));
    await bringBack(broker);
    return isHit;
  },
  // Elections begin after 4 s without a sign of life.
  freeze: async (context, { server }) => {
    const { pid } = server;
    if (pid === undefined) return false;
    process.kill(pid, 'SIGSTOP');
    await sleep(lasting(context, 1_000, 12_000));
    process.kill(pid, 'SIGCONT');
    return true;
  },
  part: async (context, broker) => {
    const { world, random } = context;
    const mode: LinkMode = { kind: random.pick(['refuse', 'stall', 'hold'] as const) };
    // From the other servers only, or from everybody.
    const links = random.chance(0.5) ? [broker.peers] : [broker.peers, world.clientsOf(broker)];
    const before = broker.peers.met;
    for (const link of links) link.setMode(mode);
    await sleep(lasting(context, 2_000, 12_000));
    const isHit = broker.peers.met > before;
    for (const link of links) link.setMode({ kind: 'open' });
    return isHit;
  },
  'lame-duck': async (_context, broker) => {
    const { server } = broker;
    const isHit = server.pid !== undefined;
    await server.kill('SIGUSR2');
    // It sends its clients away, hands its leaderships over, and ends.
    for (let waitedMs = 0; server.pid !== undefined && waitedMs < lameDuckMs; waitedMs += 100) await sleep(100);
    await bringBack(broker);
    return isHit;
  },
  'empty-disk': async (context, broker) => {
    // Three copies of everything, as far as an operator can tell: two are left.
    await untilReplicated(context.world);
    const isHit = broker.server.pid !== undefined;
    await broker.server.kill('SIGKILL');
    await emptyDisk(broker);
    await sleep(lasting(context, 0, 3_000));
    await bringBack(broker);
    // Until it has everything again there are two copies, and the next fault may take one of them.
    await untilReplicated(context.world);
    return isHit;
  },
};

/** A server whose disk is full stops its JetStream, and needs a restart when there is room again. */
const fillDisk = async (context: FaultContext, { disk, server }: Broker): Promise<boolean> => {
  if (disk === undefined) return false;
  await disk.fill();
  await sleep(lasting(context, 1_000, 5_000));
  await disk.free();
  await insist(() => server.restart());
  await untilReplicated(context.world);
  return true;
};

/** The most that a lame duck is given before it is ended; its server gives its clients 30 s. */
const lameDuckMs = 45_000;

const leaderFaults = Object.entries(brokerActions).flatMap(([action, inject]) =>
  brokerRoles.map((role): Fault => ({
    name: `${action}-${role}-leader`,
    target: always('broker'),
    inject: async (context) => {
      const leader = await insist(async () => {
        const found = await leaderOf(context.world, role);
        if (found === undefined) throw new Error(`no server leads the ${role}`);
        return found;
      });
      return await inject(context, leader);
    },
  })),
);

/** Faults of three brokers: whoever leads is hit, and once two at a time, which leaves no majority. */
export const brokerFaults: readonly Fault[] = [
  ...leaderFaults,
  {
    name: 'fill-broker-disk',
    target: always('broker'),
    inject: (context) => fillDisk(context, context.random.pick(context.world.brokers.all)),
  },
  {
    name: 'kill-two-brokers',
    target: always('broker'),
    inject: async (context) => {
      const spared = context.random.pick(context.world.brokers.all);
      const hit = context.world.brokers.all.filter((broker) => broker !== spared);
      const isHit = hit.every(({ server }) => server.pid !== undefined);
      await Promise.all(hit.map(({ server }) => server.kill('SIGKILL')));
      await sleep(lasting(context, 500, 6_000));
      await Promise.all(hit.map(bringBack));
      return isHit;
    },
  },
];
