import {
  AckPolicy,
  DeliverPolicy,
  nanos,
  ReplayPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  type StreamInfo,
} from 'nats';
import type { NatsConnection } from './connect.ts';
import { judgeConsumer, type ConsumerFields } from './consumer-rules.ts';
import { apiSubject, jetstreamManager } from './jetstream-api.ts';
import { apiErrorCode, apiErrorCodes, explainApiError, JetStreamError } from './jetstream-error.ts';
import { coversSubject } from './subject-filter.ts';

export interface ConsumerWanted {
  readonly stream: StreamInfo;
  readonly durable: string;
  /** What the consumer is to receive; all of the stream where that is the same. */
  readonly filterSubjects: readonly string[];
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
}

/** A durable pull consumer to read from, as it is on the server. */
export interface BoundConsumer {
  readonly stream: string;
  readonly durable: string;
  /** How long the server waits for an ack or a sign of life (milliseconds); the least of its steps. */
  readonly ackWaitMs: number;
  /** Undefined where a message is delivered without limit. */
  readonly maxDeliver: number | undefined;
  readonly filterSubjects: readonly string[];
  /** What one pull request may ask for, where another system has limited it. */
  readonly requestLimits: {
    readonly messages: number | undefined;
    readonly bytes: number | undefined;
    readonly expiresMs: number | undefined;
  };
  /** What its configuration costs, for a log. */
  readonly warnings: readonly string[];
  readonly info: ConsumerInfo;
}

/**
 * Binds to the durable as it is (another consumer of the same name is taken over, with what it left un-acknowledged), or
 * makes it (reference.md A.4). Servers before 2.10 know one filter subject: there the consumer takes the whole stream
 * where the stream holds nothing else, and otherwise every subject has a durable of its own (`name`, `name_2`, ...).
 */
export const ensureConsumers = async (
  connection: NatsConnection,
  wanted: ConsumerWanted,
): Promise<readonly BoundConsumer[]> => {
  if (serverTakesManyFilters(connection)) {
    const one = await ensureOne(connection, wanted, wanted.durable, wanted.filterSubjects);
    const covers = (subject: string): boolean => one.filterSubjects.some((filter) => coversSubject(filter, subject));
    if (one.filterSubjects.length === 0 || wanted.filterSubjects.every(covers)) return [one];
    // Made while the server knew one filter: the other subjects have durables of their own, with messages in them.
  } else if (sameSubjects(wanted.filterSubjects, wanted.stream.config.subjects ?? [])) {
    return [await ensureOne(connection, wanted, wanted.durable, [])];
  }
  const consumers: BoundConsumer[] = [];
  for (const [index, filter] of wanted.filterSubjects.entries()) {
    const durable = index === 0 ? wanted.durable : `${wanted.durable}_${index + 1}`;
    consumers.push(await ensureOne(connection, wanted, durable, [filter]));
  }
  requireCoverage(consumers, wanted);
  return consumers;
};

/** The consumer's present state. */
export const readConsumerInfo = async (connection: NatsConnection, consumer: BoundConsumer): Promise<ConsumerInfo> => {
  const manager = await jetstreamManager(connection);
  return await manager.consumers.info(consumer.stream, consumer.durable);
};

const serverTakesManyFilters = (connection: NatsConnection): boolean => {
  const [major = 0, minor = 0] = (connection.info?.version ?? '').split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
};

const ensureOne = async (
  connection: NatsConnection,
  wanted: ConsumerWanted,
  durable: string,
  filters: readonly string[],
): Promise<BoundConsumer> => {
  const stream = wanted.stream.config.name;
  const existing = await findConsumer(connection, stream, durable);
  if (existing !== undefined) {
    return bound(existing, wanted.stream, connection);
  }
  const config: Partial<ConsumerConfig> = {
    durable_name: durable,
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(wanted.ackWaitMs),
    // The stream's owner may have bounded what its consumers ask for.
    max_ack_pending: Math.min(
      wanted.maxAckPending,
      limitOf(wanted.stream.config.consumer_limits?.max_ack_pending) ?? Infinity,
    ),
    replay_policy: ReplayPolicy.Instant,
    ...(filters.length > 1 ? { filter_subjects: [...filters] } : {}),
    ...(filters.length === 1 ? { filter_subject: filters[0]! } : {}),
  };
  const manager = await jetstreamManager(connection);
  try {
    return bound(await manager.consumers.add(stream, config), wanted.stream, connection);
  } catch (cause) {
    // Another replica made it between our look and our request.
    const made = await findConsumer(connection, stream, durable);
    if (made !== undefined) return bound(made, wanted.stream, connection);
    const reason = explainApiError(cause, apiSubject(connection, `CONSUMER.(DURABLE.)CREATE.${stream}.${durable}`));
    throw new JetStreamError(
      `there is no consumer ${durable} of stream ${stream}, and it cannot be made: ${reason}`,
      cause,
    );
  }
};

const findConsumer = async (connection: NatsConnection, stream: string, durable: string) => {
  const manager = await jetstreamManager(connection);
  try {
    return await manager.consumers.info(stream, durable);
  } catch (cause) {
    if (apiErrorCode(cause) === apiErrorCodes.consumerNotFound) return undefined;
    const call = apiSubject(connection, `CONSUMER.INFO.${stream}.${durable}`);
    throw new JetStreamError(`consumer ${durable} of ${stream} cannot be read: ${explainApiError(cause, call)}`, cause);
  }
};

const bound = (info: ConsumerInfo, stream: StreamInfo, connection: NatsConnection): BoundConsumer => {
  const verdict = judgeConsumer(info.config as unknown as ConsumerFields, {
    largestMessageBytes: limitOf(stream.config.max_msg_size) ?? connection.info?.max_payload ?? 1_048_576,
    nowMs: Date.parse(info.ts ?? ''),
  });
  // Replacing it would take it from whoever reads it.
  if (verdict.refused.length > 0) {
    const name = `consumer ${info.name} of stream ${info.stream_name}`;
    throw new Error(
      `${name} cannot be read: ${verdict.refused.join('; ')}. Stop its reader and delete it, or correct it`,
    );
  }
  const { config } = info;
  // With a list of steps the server uses those in place of the ack wait.
  const steps = [...(config.backoff ?? []), ...(config.backoff?.length ? [] : [config.ack_wait ?? nanos(30_000)])];
  const filters = config.filter_subjects ?? (config.filter_subject ? [config.filter_subject] : []);
  return {
    stream: info.stream_name,
    durable: info.name,
    ackWaitMs: Math.max(1, Math.floor(Math.min(...steps) / 1_000_000)),
    maxDeliver: config.max_deliver !== undefined && config.max_deliver > 0 ? config.max_deliver : undefined,
    filterSubjects: filters,
    requestLimits: {
      messages: limitOf(config.max_batch),
      bytes: limitOf(config.max_bytes),
      expiresMs: config.max_expires ? Math.max(1_000, Math.floor(config.max_expires / 1_000_000)) : undefined,
    },
    warnings: verdict.warnings,
    info,
  };
};

const limitOf = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;

const sameSubjects = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((subject) => b.includes(subject));

/** A filter of somebody else's may leave out what we are to read: it would wait in the stream for ever. */
const requireCoverage = (consumers: readonly BoundConsumer[], wanted: ConsumerWanted): void => {
  const filters = consumers.flatMap(({ filterSubjects }) => filterSubjects);
  const isAll = consumers.some(({ filterSubjects }) => filterSubjects.length === 0);
  const missed = wanted.filterSubjects.filter(
    (subject) => !isAll && !filters.some((filter) => coversSubject(filter, subject)),
  );
  if (missed.length === 0) return;
  const names = consumers.map(({ durable }) => durable).join(', ');
  throw new Error(
    `consumer ${names} of stream ${wanted.stream.config.name} takes only ${filters.join(', ')}: nobody would read ${missed.join(', ')}. Stop its reader and delete it, or widen its filter`,
  );
};
