import type { KV } from 'nats';
import { streamLimitsOf } from '../routing/stream-settings.ts';
import type { NatsConnection } from './connect.ts';
import { replicasFor } from './ensure-stream.ts';
import { apiErrorCode, apiErrorCodes } from './jetstream-error.ts';
import { jetstreamManager } from './jetstream-api.ts';

/** One key as it was last written. */
export interface LeaseEntry {
  /** 0 if nobody ever wrote it. */
  readonly revision: number;
  /** Undefined if it was removed or never written. */
  readonly value: string | undefined;
}

/** A JetStream key-value bucket in which connectors agree on who reads. Every call ends within a second or so, and may throw. */
export interface LeaseBucket {
  /** May be older than the newest write, never newer: any replica answers. */
  read(key: string): Promise<LeaseEntry>;
  /** Writes only if nobody wrote since that revision; the new revision, or undefined if somebody did. */
  write(key: string, value: string, revision: number): Promise<number | undefined>;
  /** Writes whatever is there. */
  put(key: string, value: string): Promise<void>;
  /** The keys below `<prefix>.`. */
  keysBelow(prefix: string): Promise<readonly string[]>;
}

/** The bucket cannot be used by this user, whenever it is tried again: which right is missing, or what the server says. */
export interface LeaseBucketRefused {
  readonly refused: string;
}

const leaseBucket = 'state_sync_leases';
const leaseStream = `KV_${leaseBucket}`;
const callMs = 1_000;
/** What nobody has written for so long is dropped: connectors that are no more, and leases that nobody holds. */
const forgottenAfterMs = 3_600_000;
/** Far more than all keys take; accounts that limit their storage want to know. */
const bucketBytes = 1024 * 1024;

/**
 * Opens the bucket, and makes it where it is missing: on file, with as many replicas as our streams.
 * @throws Error if the server does not answer: it may be tried again
 */
export const openLeaseBucket = async (connection: NatsConnection): Promise<LeaseBucket | LeaseBucketRefused> => {
  const limits = streamLimitsOf(connection.access?.streams, leaseStream);
  const { replicas, mayBeFewer } = replicasFor(connection.info, limits.replicas);
  const apiPrefix = connection.access?.apiPrefix ?? '$JS.API';
  const placement =
    limits.placementCluster === undefined && limits.placementTags === undefined
      ? {}
      : { placement: { cluster: limits.placementCluster ?? '', tags: [...(limits.placementTags ?? [])] } };
  const make = async (count: number): Promise<KV> =>
    await connection.jetstream({ apiPrefix, timeout: callMs }).views.kv(leaseBucket, {
      replicas: count,
      history: 1,
      maxBucketSize: bucketBytes,
      ttl: forgottenAfterMs,
      ...placement,
    });
  const open = async (count: number): Promise<LeaseBucket> => {
    const bucket = bucketOf(connection, await make(count), () => make(count));
    // The rights to write and to read are tried before anybody relies on them.
    await tryKeys(bucket);
    return bucket;
  };
  try {
    try {
      return await open(replicas);
    } catch (error) {
      if (!mayBeFewer || !tooFewPeers.has(apiErrorCode(error))) throw error;
      return await open(1);
    }
  } catch (error) {
    const reason = refusalOf(error);
    if (reason !== undefined) return { refused: reason };
    if (!isImported(apiPrefix) || !isUnanswered(error) || !(await isLed(connection))) throw error;
    return {
      refused: `nothing answers on ${apiPrefix}.$KV.${leaseBucket}.>: the account's import lacks the bucket's keys`,
    };
  }
};

const keyTries = 3;

const tryKeys = async (bucket: LeaseBucket): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    try {
      await bucket.put('opened', '');
      await bucket.read('opened');
      return;
    } catch (error) {
      if (tries === keyTries || !isUnanswered(error)) throw error;
    }
  }
};

const isUnanswered = (error: unknown): boolean =>
  ['TIMEOUT', '503'].includes(String((error as { readonly code?: unknown } | null)?.code));

/** Servers carry `<prefix>.$KV.` to a bucket by themselves for the API of a domain, not for an API that another account exports. */
const isImported = (apiPrefix: string): boolean => !/^\$JS\.([^.]+\.)?API$/.test(apiPrefix);

/** Whether the bucket has a leader: then what is not answered does not lead to it. */
const isLed = async (connection: NatsConnection): Promise<boolean> => {
  const manager = await jetstreamManager(connection, callMs);
  const { cluster } = await manager.streams.info(leaseStream);
  return cluster === undefined || cluster.leader !== undefined;
};

/** "No suitable peers", "replicas > 1 not supported in non-clustered mode". */
const tooFewPeers: ReadonlySet<number | undefined> = new Set([10_005, 10_074]);
/** Without a leader, or while the server starts: these pass. */
const passing: ReadonlySet<number> = new Set([10_008, 10_009, 10_023, 10_003, 10_004]);

/** Why it makes no sense to try again; undefined if it does. */
const refusalOf = (error: unknown): string | undefined => {
  const { code, message = '' } = (error ?? {}) as { readonly code?: unknown; readonly message?: string };
  if (code === 'PERMISSIONS_VIOLATION') return message.split('\n', 1)[0]!.slice(0, 200);
  const number = apiErrorCode(error);
  if (number === undefined || passing.has(number)) return undefined;
  return message.split('\n', 1)[0]!.slice(0, 200);
};

const bucketOf = (connection: NatsConnection, first: KV, make: () => Promise<KV>): LeaseBucket => {
  let kv = first;
  /** A bucket that was deleted is made again, for the next try. */
  const ask = async <T>(call: (bucket: KV) => Promise<T>): Promise<T> => {
    try {
      return await call(kv);
    } catch (error) {
      const isGone = (error as { readonly code?: unknown } | null)?.code === '503';
      if (isGone || apiErrorCode(error) === apiErrorCodes.streamNotFound) kv = await make();
      throw error;
    }
  };
  return {
    read: async (key) => {
      const entry = await ask((bucket) => bucket.get(key));
      if (entry === null) return { revision: 0, value: undefined };
      return { revision: entry.revision, value: entry.operation === 'PUT' ? entry.string() : undefined };
    },
    write: async (key, value, revision) => {
      try {
        return await ask((bucket) => bucket.put(key, value, { previousSeq: revision }));
      } catch (error) {
        if (apiErrorCode(error) === apiErrorCodes.wrongLastSequence) return undefined;
        throw error;
      }
    },
    put: async (key, value) => void (await ask((bucket) => bucket.put(key, value))),
    keysBelow: async (prefix) => {
      const manager = await jetstreamManager(connection, callMs);
      const subject = `$KV.${leaseBucket}.`;
      const { state } = await manager.streams.info(leaseStream, { subjects_filter: `${subject}${prefix}.>` });
      return Object.keys(state.subjects ?? {}).map((each) => each.slice(subject.length));
    },
  };
};
