import type { ConsumerInfo } from 'nats';
import type { NatsConnection } from './connect.ts';
import { jetstreamManager } from './jetstream-api.ts';
import { findStream } from './ensure-stream.ts';

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
  return infos.map(consumerStatus).sort((one, other) => one.name.localeCompare(other.name));
};

const consumerStatus = (info: ConsumerInfo): ConsumerStatus => {
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
    filterSubjects: config.filter_subjects ?? (config.filter_subject ? [config.filter_subject] : []),
    isPush: config.deliver_subject !== undefined,
    // Known to servers from 2.11 on; this client's types are older.
    isPaused: (info as { readonly paused?: boolean }).paused === true,
  };
};
