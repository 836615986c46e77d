import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../infra/local/free-port.ts';
import { startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { joinLinks, type Link } from '../links.ts';
import type { Random } from '../random.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import type { SmallDisk } from './small-disk.ts';

/** One nats-server, alone or of a cluster. */
export interface Broker {
  readonly server: TestNatsServer;
  /** Its ways to the other servers; none if it is alone. */
  readonly peers: Link;
  /** What it stores on, if that is small enough to be filled. */
  readonly disk: SmallDisk | undefined;
  /** What it has of each stream by itself, whoever leads it; fails if it does not say so, or is not well yet. */
  held(): Promise<ReadonlyMap<string, HeldStream>>;
}

/** The copy of a stream that one server has. */
export interface HeldStream {
  readonly lastSequence: number;
  readonly messages: number;
}

export interface Brokers {
  readonly all: readonly Broker[];
  /** For a client that knows all of them. */
  readonly url: string;
  /** The server that leads the cluster of servers, or undefined if none does now. */
  metaLeader(): Promise<Broker | undefined>;
  close(): Promise<void>;
}

export interface BrokersOptions {
  readonly count: 1 | 3;
  readonly binary?: string | undefined;
  readonly random: Random;
  /** One for each server of a cluster, where such can be had. */
  readonly disks: readonly SmallDisk[] | undefined;
}

const pollMs = 100;
const formMs = 60_000;

/** Starts one server, or three of one cluster, with a proxy between each two of them. */
export const startBrokers = async (options: BrokersOptions): Promise<Brokers> => {
  const { count, random } = options;
  const binary = options.binary === undefined ? {} : { binary: options.binary };
  if (count === 1) {
    const server = await startTestNats(binary);
    const only: Broker = { server, peers: joinLinks([]), disk: undefined, held: () => Promise.resolve(new Map()) };
    return {
      all: [only],
      url: server.url,
      metaLeader: () => Promise.resolve(only),
      close: server.close,
    };
  }
  const ports = await distinctPorts(2 * count);
  const clusterPorts = ports.slice(0, count);
  const monitorPorts = ports.slice(count);
  const peers: TcpProxy[][] = clusterPorts.map(() => []);
  const routes: number[] = [];
  // A ring: each pair has one way, and each server has a neighbour to ask for, without which it does not start.
  for (let from = 0; from < count; from += 1) {
    const to = (from + 1) % count;
    const proxy = await startTcpProxy(clusterPorts[to]!, random.fork().next);
    peers[from]!.push(proxy);
    peers[to]!.push(proxy);
    routes.push(proxy.port);
  }
  const proxies = [...new Set(peers.flat())];
  const servers: TestNatsServer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
  };
  const configOf = (index: number): string =>
    [
      'lame_duck_duration: "30s"',
      'lame_duck_grace_period: "1s"',
      'cluster {',
      '  name: chaos',
      `  listen: "127.0.0.1:${clusterPorts[index]}"`,
      // Neither other servers nor clients may learn of a way around the proxies.
      '  advertise: "127.0.0.1:1"',
      '  no_advertise: true',
      `  routes: ["nats-route://127.0.0.1:${routes[index]}"]`,
      '}',
    ].join('\n');
  try {
    const started = await Promise.all(
      clusterPorts.map((_, index) => {
        const disk = options.disks?.[index];
        return startTestNats({
          ...binary,
          config: configOf(index),
          monitorPort: monitorPorts[index]!,
          ...(disk === undefined ? {} : { storeDir: join(disk.folder, 'jetstream') }),
        });
      }),
    );
    servers.push(...started);
    const all = started.map((server, index): Broker => ({
      server,
      peers: joinLinks(peers[index]!),
      disk: options.disks?.[index],
      held: () => heldAt(monitorPorts[index]!),
    }));
    const metaLeader = async (): Promise<Broker | undefined> => {
      for (const port of monitorPorts) {
        const name = await leaderAsSeenAt(port);
        const found = all.find(({ server }) => server.name === name);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    for (let waitedMs = 0; (await metaLeader()) === undefined; waitedMs += pollMs) {
      if (waitedMs > formMs) throw new Error('three nats-servers have no leader after a minute');
      await sleep(pollMs);
    }
    return { all, url: all.map(({ server }) => server.url).join(','), metaLeader, close };
  } catch (error) {
    await close();
    throw error;
  }
};

/** Takes all that the stopped server has stored: it comes back with an empty disk. */
export const emptyDisk = async ({ server }: Broker): Promise<void> => {
  for (const name of await readdir(server.storeDir)) {
    if (!name.endsWith('.conf')) await rm(join(server.storeDir, name), { recursive: true, force: true });
  }
};

const distinctPorts = async (count: number): Promise<readonly number[]> => {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
};

const ask = async (monitorPort: number, path: string): Promise<unknown> => {
  const reply = await fetch(`http://127.0.0.1:${monitorPort}${path}`, { signal: AbortSignal.timeout(1_000) });
  if (!reply.ok) throw new Error(`${path} says ${String(reply.status)}: ${(await reply.text()).slice(0, 200)}`);
  return await reply.json();
};

const leaderAsSeenAt = async (monitorPort: number): Promise<string | undefined> => {
  try {
    const body = (await ask(monitorPort, '/jsz')) as { readonly meta_cluster?: { readonly leader?: string } };
    return body.meta_cluster?.leader;
  } catch {
    return undefined; // it is stopped, frozen or starting: another one is asked
  }
};

interface StreamDetail {
  readonly name: string;
  readonly state: { readonly messages: number; readonly last_seq: number };
}

const heldAt = async (monitorPort: number): Promise<ReadonlyMap<string, HeldStream>> => {
  // Not of its streams and consumers: 2.10 goes on missing what watched a bucket, which has one copy and is made again elsewhere.
  await ask(monitorPort, '/healthz?js-server-only=true');
  const body = (await ask(monitorPort, '/jsz?accounts=true&streams=true')) as {
    readonly account_details?: readonly { readonly stream_detail?: readonly StreamDetail[] }[];
  };
  const details = (body.account_details ?? []).flatMap(({ stream_detail }) => stream_detail ?? []);
  return new Map(details.map(({ name, state }) => [name, { lastSequence: state.last_seq, messages: state.messages }]));
};
