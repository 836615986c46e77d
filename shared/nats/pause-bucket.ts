import type { KV } from 'nats';
import { parsePause, type Pause } from '../message/pause.ts';
import { streamLimitsOf } from '../routing/stream-settings.ts';
import type { NatsConnection } from './connect.ts';
import { findStream, replicasFor } from './ensure-stream.ts';
import { apiErrorCode, apiErrorCodes } from './jetstream-error.ts';

/** A JetStream key-value bucket of what operators have paused: it outlives every process of ours. */
export interface PauseBucket {
  put(pause: Pause): Promise<void>;
  /** Writes other keys for a pause that still holds as it is given; whether it did: one that is over or set anew stays as it is. */
  renew(pause: Pause, keys: readonly string[]): Promise<boolean>;
  /** Whether it was there. */
  remove(pause: Pick<Pause, 'kind' | 'id'>): Promise<boolean>;
}

/**
 * What is paused now, those among them that are over by their own time; none if nobody ever paused anything.
 * @throws Error of the client if the server refuses or does not answer
 */
export const readPauses = async (connection: NatsConnection): Promise<readonly Pause[]> => {
  if ((await findStream(connection, pauseStream)) === undefined) return [];
  const bucket = await openBucket(connection);
  const pauses: Pause[] = [];
  for (const key of await keysOf(connection)) {
    const entry = await bucket.get(key);
    const pause = entry?.operation === 'PUT' ? parsePause(entry.string()) : undefined;
    if (pause !== undefined) pauses.push(pause);
  }
  return pauses;
};

/** Opens the bucket to write, and makes it where it is missing. @throws Error of the client */
export const openPauses = async (connection: NatsConnection): Promise<PauseBucket> => {
  const bucket = await openBucket(connection);
  return {
    put: async (pause) => void (await bucket.put(keyOf(pause), JSON.stringify(pause))),
    renew: async (pause, keys) => {
      const entry = await bucket.get(keyOf(pause));
      const known = entry?.operation === 'PUT' ? parsePause(entry.string()) : undefined;
      if (entry === null || known?.sinceMs !== pause.sinceMs) return false;
      try {
        await bucket.update(keyOf(pause), JSON.stringify({ ...known, keys }), entry.revision);
        return true;
      } catch (error) {
        if (apiErrorCode(error) === apiErrorCodes.wrongLastSequence) return false;
        throw error;
      }
    },
    remove: async (pause) => {
      const key = keyOf(pause);
      const isThere = (await bucket.get(key))?.operation === 'PUT';
      if (isThere) await bucket.delete(key);
      return isThere;
    },
  };
};

/**
 * Says that something was paused or goes on, at each change, for as long as the connection lives. Makes the bucket where it
 * is missing.
 * @returns when it listens; the promise inside ends when it cannot any more
 * @throws Error of the client if the server refuses or does not answer
 */
export const watchPauses = async (
  connection: NatsConnection,
  onChange: () => void,
): Promise<{ readonly ended: Promise<void> }> => {
  const changes = await (await openBucket(connection)).watch();
  const follow = async (): Promise<void> => {
    for await (const _change of changes) onChange();
  };
  return { ended: follow() };
};

const pauseBucket = 'state_sync_pauses';
const pauseStream = `KV_${pauseBucket}`;
const callMs = 2_000;
/** Far more than any number of pauses takes; accounts that limit their storage want to know. */
const bucketBytes = 1024 * 1024;

/** "No suitable peers", "replicas > 1 not supported in non-clustered mode". */
const tooFewPeers: ReadonlySet<number | undefined> = new Set([10_005, 10_074]);

const openBucket = async (connection: NatsConnection): Promise<KV> => {
  const limits = streamLimitsOf(connection.access?.streams, pauseStream);
  const { replicas, mayBeFewer } = replicasFor(connection.info, limits.replicas);
  const placement =
    limits.placementCluster === undefined && limits.placementTags === undefined
      ? {}
      : { placement: { cluster: limits.placementCluster ?? '', tags: [...(limits.placementTags ?? [])] } };
  const open = (count: number): Promise<KV> =>
    connection
      .jetstream({ apiPrefix: connection.access?.apiPrefix ?? '$JS.API', timeout: callMs })
      .views.kv(pauseBucket, { replicas: count, history: 1, maxBucketSize: bucketBytes, ...placement });
  try {
    return await open(replicas);
  } catch (error) {
    if (!mayBeFewer || !tooFewPeers.has(apiErrorCode(error))) throw error;
    return await open(1);
  }
};

/** Keys of a bucket allow few characters. */
const keyOf = ({ kind, id }: Pick<Pause, 'kind' | 'id'>): string => `${kind}.${Buffer.from(id).toString('base64url')}`;

const keysOf = async (connection: NatsConnection): Promise<readonly string[]> => {
  const manager = await connection.jetstreamManager({
    checkAPI: false,
    apiPrefix: connection.access?.apiPrefix ?? '$JS.API',
    timeout: callMs,
  });
  const subject = `$KV.${pauseBucket}.`;
  const { state } = await manager.streams.info(pauseStream, { subjects_filter: `${subject}>` });
  return Object.keys(state.subjects ?? {}).map((each) => each.slice(subject.length));
};
