import { ErrorCode, type ConsumerInfo, type JetStreamManager } from 'nats';
import type { NatsConnection } from './connect.ts';
import { jetstreamManager } from './jetstream-api.ts';
import { findStream } from './ensure-stream.ts';
import { apiErrorCode } from './jetstream-error.ts';

export interface ConsumerStatus {
  readonly name: string;
  /** Messages that were not delivered yet. */
  readonly pending: number;
  /** Delivered and not settled yet. */
  readonly ackPending: number;
  readonly redelivered: number;
  /** Pull requests that wait at the server; 0 means that nobody reads now. */
  readonly waiting: number;
  readonly deliveredSequence: number;
  readonly ackFloorSequence: number;
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
  /** Undefined: without limit. */
  readonly maxDeliver: number | undefined;
  readonly filterSubjects: readonly string[];
  readonly isPush: boolean;
  readonly isPaused: boolean;
  /** When a message was delivered last, and when one was settled last; null if none was, or if the server does not say. */
  readonly lastDeliveredMs: number | null;
  readonly lastSettledMs: number | null;
  /** When the oldest message that is not settled was published; null if all are settled, or if it could not be read. */
  readonly oldestMs: number | null;
}

export interface StreamStatus {
  readonly messages: number;
  readonly bytes: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly subjects: readonly string[];
  readonly retention: string;
  /** Undefined: without limit. */
  readonly maxBytes: number | undefined;
  readonly maxMessages: number | undefined;
  readonly maxMessageBytes: number | undefined;
  /** `new`: a full stream refuses messages; `old`: it drops its oldest. */
  readonly discard: string;
  /** PubAcks are switched off: nobody can tell whether a message was stored. */
  readonly isWithoutAck: boolean;
  readonly isSealed: boolean;
  readonly consumers: readonly ConsumerStatus[];
}

/**
 * What an operator wants to know of a stream and its consumers; undefined if there is no such stream.
 * @throws Error of the client if the server does not answer
 */
export const readStreamStatus = async (
  connection: NatsConnection,
  stream: string,
): Promise<StreamStatus | undefined> => {
  const info = await findStream(connection, stream);
  if (info === undefined) return undefined;
  const { config, state } = info;
  return {
    messages: state.messages,
    bytes: state.bytes,
    firstSequence: state.first_seq,
    lastSequence: state.last_seq,
    subjects: config.subjects ?? [],
    retention: config.retention,
    maxBytes: limitOf(config.max_bytes),
    maxMessages: limitOf(config.max_msgs),
    maxMessageBytes: limitOf(config.max_msg_size),
    discard: config.discard,
    isWithoutAck: config.no_ack === true,
    isSealed: config.sealed,
    consumers: state.consumer_count === 0 ? [] : await readConsumers(connection, stream),
  };
};

const limitOf = (value: number | undefined): number | undefined =>
  value === undefined || value <= 0 ? undefined : value;

/** Consumers that are listed: the first page of the server's answer. */
const readConsumers = async (connection: NatsConnection, stream: string): Promise<readonly ConsumerStatus[]> => {
  const manager = await jetstreamManager(connection);
  const infos = await manager.consumers.list(stream).next();
  const consumers = await Promise.all(
    infos.map(async (info) => ({ ...consumerStatus(info), oldestMs: await readOldestMs(manager, info) })),
  );
  return consumers.sort((one, other) => one.name.localeCompare(other.name));
};

const consumerStatus = (info: ConsumerInfo): Omit<ConsumerStatus, 'oldestMs'> => {
  const { config } = info;
  return {
    name: info.name,
    pending: info.num_pending,
    ackPending: info.num_ack_pending,
    redelivered: info.num_redelivered,
    waiting: info.num_waiting,
    deliveredSequence: info.delivered.stream_seq,
    ackFloorSequence: info.ack_floor.stream_seq,
    ackWaitMs: Math.round((config.ack_wait ?? 30_000_000_000) / 1_000_000),
    maxAckPending: config.max_ack_pending ?? 1_000,
    maxDeliver: limitOf(config.max_deliver),
    filterSubjects: filterSubjectsOf(info),
    isPush: config.deliver_subject !== undefined,
    // Known to servers from 2.11 on; this client's types are older.
    isPaused: (info as { readonly paused?: boolean }).paused === true,
    lastDeliveredMs: lastActiveMs(info.delivered),
    lastSettledMs: lastActiveMs(info.ack_floor),
  };
};

const filterSubjectsOf = ({ config }: ConsumerInfo): readonly string[] =>
  config.filter_subjects ?? (config.filter_subject ? [config.filter_subject] : []);

/** Servers say it as a text in a field that the client's types take for a number. */
const lastActiveMs = (info: unknown): number | null => {
  const ms = Date.parse(String((info as { readonly last_active?: unknown } | undefined)?.last_active));
  return Number.isNaN(ms) ? null : ms;
};

/** Reads the first message behind all that are settled, of each subject that the consumer receives. */
const readOldestMs = async (manager: JetStreamManager, info: ConsumerInfo): Promise<number | null> => {
  if (info.num_pending + info.num_ack_pending === 0) return null;
  const subjects = filterSubjectsOf(info);
  const times = await Promise.all(
    (subjects.length === 0 ? ['>'] : subjects).map(async (subject) => {
      try {
        const query = { seq: info.ack_floor.stream_seq + 1, next_by_subj: subject };
        return (await manager.streams.getMessage(info.stream_name, query)).time.getTime();
      } catch (error) {
        // Settled or removed meanwhile, or no right to read: an age that nobody knows.
        if (apiErrorCode(error) === undefined && !isSilence(error)) throw error;
        return undefined;
      }
    }),
  );
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? null : Math.min(...known);
};

const isSilence = (error: unknown): boolean => {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return code === ErrorCode.Timeout || code === ErrorCode.PermissionsViolation;
};
