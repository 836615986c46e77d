import { setTimeout as delay } from 'node:timers/promises';
import {
  DiscardPolicy,
  nanos,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
  type StreamInfo,
  type StreamInfoRequestOptions,
} from 'nats';

import { streamLimitsOf, type StreamLimits } from '../routing/stream-settings.ts';
import type { NatsConnection } from './connect.ts';
import { apiSubject, jetstreamManager } from './jetstream-api.ts';
import { apiErrorCode, apiErrorCodes, explainApiError, JetStreamError } from './jetstream-error.ts';
import { coversSubject } from './subject-filter.ts';

export type { StreamInfo } from 'nats';

export interface StreamWanted {
  readonly stream: string;
  readonly baseSubject: string;
  /** `workqueue` for the ecosystem's streams; `limits` keeps what is read, as for dead letters. */
  readonly retention?: 'workqueue' | 'limits';
  /** Told of what is missing and does not stop us. */
  readonly onWarning?: (reason: string) => void;
}

/** The two subjects that a stream of the ecosystem holds (reference.md A.4). */
export const streamSubjects = (baseSubject: string): readonly [string, string] => [baseSubject, `${baseSubject}.>`];

/**
 * Makes sure that the stream exists and holds the subject and all below it: made as the routing file's `streams` say if it
 * is missing, else its subjects are widened by what it lacks. Every other setting stays as it is; retention above all, because
 * the server cannot change it and the ecosystem's services differ in what they ask for (reference.md A.4). A stream that is
 * somebody else's, whose user may not change it, is taken as it is as long as it holds the subject itself.
 * @throws Error that names the right, or the limit, that is missing
 */
export const ensureStream = async (connection: NatsConnection, wanted: StreamWanted): Promise<StreamInfo> => {
  const info = (await findStream(connection, wanted.stream)) ?? (await addStream(connection, wanted));
  const subjects = streamSubjects(wanted.baseSubject);
  const held = info.config.subjects ?? [];
  const isHeld = (subject: string): boolean => held.some((pattern) => coversSubject(pattern, subject));
  const missing = subjects.filter((subject) => !isHeld(subject));
  // A mirror and a stream that sources others hold their subjects.
  const isFed = info.config.mirror !== undefined || (info.config.sources ?? []).length > 0;
  if (missing.length === 0 || (isFed && held.length === 0)) return info;
  // `subject.>` may take the place of narrower subjects that the server would refuse as overlapping.
  const kept = held.filter((pattern) => !missing.some((subject) => coversSubject(subject, pattern)));
  try {
    // The client merges this into the whole current configuration.
    const manager = await jetstreamManager(connection);
    return await manager.streams.update(wanted.stream, { subjects: [...kept, ...missing] });
  } catch (cause) {
    const call = apiSubject(connection, `STREAM.UPDATE.${wanted.stream}`);
    const reason = `stream ${wanted.stream} does not hold ${missing.join(', ')}, and cannot be changed: ${explainApiError(cause, call)}`;
    if (!isHeld(wanted.baseSubject)) throw new JetStreamError(reason, cause);
    wanted.onWarning?.(reason);
    return info;
  }
};

/**
 * Makes a work queue that gets a copy of every message of another stream from its first one on. It has no subjects of its own,
 * which would overlap with those of the other; the messages keep theirs. The other stream keeps what it has, as if nobody read it.
 * @throws Error that names the right, or the stream, that is missing
 */
export const copyStream = async (connection: NatsConnection, source: string, copy: string): Promise<StreamInfo> => {
  if ((await findStream(connection, source)) === undefined)
    throw new JetStreamError(`there is no stream ${source}`, undefined);
  const manager = await jetstreamManager(connection);
  try {
    return await manager.streams.add({ name: copy, retention: RetentionPolicy.Workqueue, sources: [{ name: source }] });
  } catch (cause) {
    const call = apiSubject(connection, `STREAM.CREATE.${copy}`);
    throw new JetStreamError(`stream ${copy} cannot be made: ${explainApiError(cause, call)}`, cause);
  }
};

/** Whether the stream lets go what is settled. */
export const isWorkQueue = ({ config }: StreamInfo): boolean => config.retention === RetentionPolicy.Workqueue;

/**
 * The stream's info, or undefined if there is none of that name.
 * @param details what is asked for beside the ordinary
 * @throws Error that names the right that is missing
 */
export const findStream = async (
  connection: NatsConnection,
  stream: string,
  details?: Partial<StreamInfoRequestOptions>,
): Promise<StreamInfo | undefined> => {
  const manager = await jetstreamManager(connection);
  try {
    return await manager.streams.info(stream, details);
  } catch (cause) {
    if (apiErrorCode(cause) === apiErrorCodes.streamNotFound) return undefined;
    const call = apiSubject(connection, `STREAM.INFO.${stream}`);
    throw new JetStreamError(`stream ${stream} cannot be read: ${explainApiError(cause, call)}`, cause);
  }
};

/**
 * The sequences between the stream's first and last one that hold no message; none if there is no such stream. The answer is as long
 * as they are many.
 * @throws Error that names the right that is missing
 */
export const readDeleted = async (connection: NatsConnection, stream: string): Promise<ReadonlySet<number>> =>
  new Set((await findStream(connection, stream, { deleted_details: true }))?.state.deleted ?? []);

/** The name of the stream that holds the subject, or undefined if none does. */
export const findStreamOf = async (connection: NatsConnection, subject: string): Promise<string | undefined> => {
  const call = apiSubject(connection, 'STREAM.NAMES');
  const answer = await connection.request(call, JSON.stringify({ subject }), { timeout: lookMs });
  const { streams, error } = answer.json<{ readonly streams?: readonly string[] | null; readonly error?: object }>();
  if (error !== undefined) throw new Error(`${call} failed: ${JSON.stringify(error).slice(0, 200)}`);
  return streams?.[0];
};

/**
 * Replicas of a stream that is made: as the settings say, else three on a cluster of three servers and more. A server that
 * does not advertise its neighbours says only that it has some: then three are asked for, and one is taken if it refuses.
 */
export const replicasFor = (
  info: NatsConnection['info'],
  setting: number | undefined,
): { readonly replicas: number; readonly mayBeFewer: boolean } => {
  if (setting !== undefined) return { replicas: setting, mayBeFewer: false };
  const isClustered = (info as { readonly cluster?: string } | undefined)?.cluster !== undefined;
  if (!isClustered) return { replicas: 1, mayBeFewer: false };
  return { replicas: 3, mayBeFewer: new Set(info?.connect_urls ?? []).size < 3 };
};

const lookMs = 2_000;

/** "No suitable peers", "replicas > 1 not supported in non-clustered mode". */
const tooFewPeers: ReadonlySet<number | undefined> = new Set([10_005, 10_074]);

const addStream = async (connection: NatsConnection, wanted: StreamWanted): Promise<StreamInfo> => {
  const limits = streamLimitsOf(connection.access?.streams, wanted.stream);
  const { replicas, mayBeFewer } = replicasFor(connection.info, limits.replicas);
  const manager = await jetstreamManager(connection);
  const add = (count: number): Promise<StreamInfo> =>
    whileStoreIsRemoved(() => manager.streams.add({ ...newStream(wanted, limits), num_replicas: count }));
  try {
    try {
      return await add(replicas);
    } catch (error) {
      if (!mayBeFewer || !tooFewPeers.has(apiErrorCode(error))) throw error;
      return await add(1);
    }
  } catch (cause) {
    // Another process made it between our look and our request.
    const made =
      apiErrorCode(cause) === apiErrorCodes.streamNameInUse ? await findStream(connection, wanted.stream) : undefined;
    if (made !== undefined) return made;
    const call = apiSubject(connection, `STREAM.CREATE.${wanted.stream}`);
    const reason = explainApiError(cause, call);
    throw new JetStreamError(`there is no stream ${wanted.stream}, and it cannot be made: ${reason}`, cause);
  }
};

const storeTries = 10;

/** For a moment after a stream was deleted the server still removes its files, and refuses one of the same name. */
const whileStoreIsRemoved = async <T>(add: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await add();
    } catch (error) {
      if (tries >= storeTries || !(error instanceof Error && error.message.includes('creating store'))) throw error;
      await delay(100);
    }
  }
};

const newStream = (wanted: StreamWanted, limits: StreamLimits): Partial<StreamConfig> & { readonly name: string } => ({
  name: wanted.stream,
  subjects: [...streamSubjects(wanted.baseSubject)],
  storage: limits.storage === 'memory' ? StorageType.Memory : StorageType.File,
  retention: wanted.retention === 'limits' ? RetentionPolicy.Limits : RetentionPolicy.Workqueue,
  ...(limits.maxBytes === undefined ? {} : { max_bytes: limits.maxBytes }),
  ...(limits.maxMessages === undefined ? {} : { max_msgs: limits.maxMessages }),
  ...(limits.maxAgeSeconds === undefined ? {} : { max_age: nanos(limits.maxAgeSeconds * 1_000) }),
  ...(limits.maxMessageBytes === undefined ? {} : { max_msg_size: limits.maxMessageBytes }),
  ...duplicateWindowOf(wanted, limits),
  // A full stream refuses what is new: dropping what nobody has read would lose it without a word.
  discard: discardOf(limits),
  ...(limits.compression === undefined
    ? {}
    : { compression: limits.compression === 's2' ? StoreCompression.S2 : StoreCompression.None }),
  ...(limits.placementCluster === undefined && limits.placementTags === undefined
    ? {}
    : { placement: { cluster: limits.placementCluster ?? '', tags: [...(limits.placementTags ?? [])] } }),
});

/** A message that is given up again when nobody knows that it was (its connector was killed) can take minutes to come to that. */
const letterWindowSeconds = 3_600;

/** Of work queues the server's own. It refuses one that is longer than messages are kept. */
const duplicateWindowOf = (
  { retention }: StreamWanted,
  { duplicateWindowSeconds, maxAgeSeconds }: StreamLimits,
): Partial<StreamConfig> => {
  const usual = retention === 'limits' ? Math.min(letterWindowSeconds, maxAgeSeconds ?? Infinity) : undefined;
  const seconds = duplicateWindowSeconds ?? usual;
  return seconds === undefined ? {} : { duplicate_window: nanos(seconds * 1_000) };
};

const discardOf = ({ discard, maxBytes, maxMessages }: StreamLimits): DiscardPolicy => {
  const isBounded = maxBytes !== undefined || maxMessages !== undefined;
  return (discard ?? (isBounded ? 'new' : 'old')) === 'new' ? DiscardPolicy.New : DiscardPolicy.Old;
};
