import type { NatsSettings } from '../../shared/config/nats-settings.ts';
import type { Publisher } from '../../shared/message/outgoing-message.ts';
import { connectNats, type NatsConnection } from '../../shared/nats/connect.ts';
import { createJetStreamPublisher } from '../../shared/nats/jetstream-publisher.ts';
import { openLeaseBucket, type LeaseBucket } from '../../shared/nats/lease-bucket.ts';
import type { Routing } from '../../shared/routing/routing.ts';
import { errorFields, type Log } from '../../shared/telemetry/log.ts';
import { pause, type Clock } from './clock.ts';
import { createFunctionsReach } from './lease/functions-reach.ts';
import { createMembers, type Members } from './lease/members.ts';

export interface ServerLinesOptions {
  /** Credentials, TLS and JetStream's prefix. */
  readonly nats?: NatsSettings | undefined;
  /** Shown in the server's monitoring. */
  readonly name: string;
  readonly streams: Routing['streams'];
  /** This connector's name among connectors. */
  readonly own: string;
  /** How long a connector that says nothing is waited for until another one reads in its place (milliseconds). */
  readonly leaseMs: number;
  /** Whether anything answers within the time where functions are called. */
  readonly isReached: (timeoutMs: number) => Promise<boolean>;
  readonly onConnected: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What there is to one server. */
export interface ServerLine {
  readonly connection: NatsConnection;
  readonly publisher: Publisher;
  /** How it is agreed with other connectors who reads; undefined if this user may not use the bucket. */
  readonly leases: Promise<Leases | undefined>;
}

/** All of one server. */
export interface Leases {
  readonly bucket: LeaseBucket;
  readonly members: Members;
  readonly holders: Map<string, string | undefined>;
}

/** The lines to the servers of all routes, one for each URL. */
export interface ServerLines {
  /** Opened at the first call; waits for the server for ever. */
  of(url: string): Promise<ServerLine>;
  /** Looks for nothing more, and waits for no server that was never there. */
  end(): void;
  /** Tells other connectors that we go; what we hold is free for them as soon as we give it up. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

interface State extends ServerLinesOptions {
  readonly lines: Map<string, Promise<ServerLine>>;
  readonly members: Members[];
  readonly reachesFunctions: () => boolean;
  readonly ending: AbortController;
}

export const createServerLines = (options: ServerLinesOptions): ServerLines => {
  const { leaseMs, isReached, clock, log } = options;
  const members: Members[] = [];
  const reach = createFunctionsReach({
    probe: isReached,
    isNeeded: () => members.some(({ alive }) => alive.length > 1),
    // Twice in vain, and the lease is passed on: no later than one of a connector that died.
    everyMs: leaseMs / 3,
    clock,
    log,
  });
  const state: State = {
    ...options,
    lines: new Map(),
    members,
    reachesFunctions: () => reach.isThere,
    ending: new AbortController(),
  };
  return {
    of: (url) => {
      const known = state.lines.get(url);
      if (known !== undefined) return known;
      if (state.lines.size === 0) reach.start();
      const opening = openLine(state, url);
      state.lines.set(url, opening);
      return opening;
    },
    end: () => {
      reach.stop();
      state.ending.abort();
    },
    leave: async () => {
      await Promise.all(
        (await openNow(state)).map(async ({ leases }) => {
          await (await Promise.race([leases, Promise.resolve(undefined)]))?.members.stop();
        }),
      );
    },
    close: async () => {
      for (const { publisher, connection } of await openNow(state)) {
        await publisher.close();
        await connection.close();
      }
    },
  };
};

/** A line to a server that is away never opens; it must not hold up the end. */
const openNow = async ({ lines }: State): Promise<readonly ServerLine[]> => {
  const pending = Promise.resolve(undefined);
  const settled = await Promise.allSettled([...lines.values()].map((opening) => Promise.race([opening, pending])));
  return settled.flatMap((result) => (result.status === 'fulfilled' ? (result.value ?? []) : []));
};

const openLine = async (state: State, url: string): Promise<ServerLine> => {
  const connection = await connectNats({
    url,
    name: state.name,
    settings: state.nats,
    streams: state.streams,
    waitOnFirstConnect: true,
    signal: state.ending.signal,
    onStatus: (status, detail) => {
      state.log.warn(`nats_${status}`, { detail });
      if (status === 'connected') state.onConnected();
    },
  });
  return { connection, publisher: createJetStreamPublisher(connection), leases: openLeases(state, connection) };
};

/** Tried until the server answers: it is not known before whether another connector reads. */
const openLeases = async (state: State, connection: NatsConnection): Promise<Leases | undefined> => {
  const { log, clock, own, leaseMs: ttlMs, reachesFunctions, ending } = state;
  while (!ending.signal.aborted) {
    try {
      const bucket = await openLeaseBucket(connection);
      if ('refused' in bucket) {
        log.warn('lease_unavailable', { reason: `${bucket.refused}. ${aloneText}` });
        return undefined;
      }
      const onError = (error: unknown): void => log.warn('lease_unreachable', errorFields(error));
      const members = createMembers({ bucket, own, ttlMs, clock, reachesFunctions, onError });
      state.members.push(members);
      await members.start();
      return { bucket, members, holders: new Map() };
    } catch (error) {
      log.warn('lease_unreachable', errorFields(error));
      await pause(clock, leasesRetryMs);
    }
  }
  return undefined;
};

const leasesRetryMs = 500;
const aloneText =
  'This connector reads as if it were the only one: run one, or allow it the bucket state_sync_leases (infra/kubernetes/nats/users.conf names the subjects)';
