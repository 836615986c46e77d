import { setTimeout as sleep } from 'node:timers/promises';
import { RetentionPolicy, type StoredMsg } from 'nats';
import type { NatsConnection } from './connect.ts';
import { findStream, type StreamInfo } from './ensure-stream.ts';
import { headerEntries } from './headers.ts';
import { apiSubject, jetstreamManager } from './jetstream-api.ts';
import { apiErrorCode, apiErrorCodes, explainApiError, JetStreamError } from './jetstream-error.ts';

/** A message as its own stream had it: a mirror keeps place, time, subject and headers. */
export interface ArchivedMessage {
  readonly sequence: number;
  /** Nanoseconds since the epoch, as text because a number would lose digits. */
  readonly timestampNs: string;
  readonly subject: string;
  readonly headers: readonly (readonly [string, readonly string[]])[];
  readonly payload: Uint8Array;
}

/** Messages that are read at the same time; each may be as large as the server's payload limit. */
const windowMessages = 16;

/** How long a mirror may take until it follows its stream. */
const followMs = 15_000;

/**
 * Makes a mirror of a stream that keeps what the stream lets go, for a time: what a database that is set back needs again.
 * Resolves when it follows the stream: what is settled before that, it does not get.
 * @throws Error that names the right, or the stream, that is missing
 */
export const archiveStream = async (
  connection: NatsConnection,
  options: { readonly stream: string; readonly archive: string; readonly maxAgeMs: number },
): Promise<StreamInfo> => {
  const { stream, archive, maxAgeMs } = options;
  const source = await findStream(connection, stream);
  if (source === undefined) throw new JetStreamError(`there is no stream ${stream}`, undefined);
  const manager = await jetstreamManager(connection);
  try {
    await manager.streams.add({
      name: archive,
      retention: RetentionPolicy.Limits,
      mirror: { name: stream },
      max_age: maxAgeMs * 1_000_000,
      num_replicas: source.config.num_replicas,
    });
  } catch (cause) {
    const call = apiSubject(connection, `STREAM.CREATE.${archive}`);
    throw new JetStreamError(`stream ${archive} cannot be made: ${explainApiError(cause, call)}`, cause);
  }
  const deadlineMs = performance.now() + followMs;
  for (;;) {
    const info = await findStream(connection, archive);
    // A server says -1 while it has not heard of the other stream.
    if (info?.mirror !== undefined && info.mirror.active >= 0) return info;
    if (performance.now() > deadlineMs)
      throw new JetStreamError(
        `stream ${archive} does not follow ${stream} yet: \`nats stream info ${archive}\` says why`,
        undefined,
      );
    await sleep(50);
  }
};

/**
 * The messages of an archive that its stream got at `sinceMs` or later, oldest first, up to the last one that it has now.
 * @throws Error if there is no such stream, or it is no mirror: places and times in it would be its own
 */
export const readArchive = async (
  connection: NatsConnection,
  archive: string,
  sinceMs: number,
): Promise<{ readonly stream: string; messages(): AsyncGenerator<ArchivedMessage> }> => {
  const info = await findStream(connection, archive);
  if (info === undefined) throw new JetStreamError(`there is no stream ${archive}`, undefined);
  const stream = info.config.mirror?.name;
  if (stream === undefined)
    throw new JetStreamError(`stream ${archive} is no mirror: \`streams archive\` makes one`, undefined);
  const { first_seq: first, last_seq: last } = info.state;
  return { stream, messages: () => walk(connection, archive, { first, last, sinceMs }) };
};

/** Half of the rest at a time: the first window that holds something of the time asked for, then all behind it. */
const walk = async function* (
  connection: NatsConnection,
  archive: string,
  range: { readonly first: number; readonly last: number; readonly sinceMs: number },
): AsyncGenerator<ArchivedMessage> {
  let [low, high] = [range.first, range.last + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const window = await readWindow(connection, archive, middle, high - 1);
    const found = window.messages[0];
    if (found === undefined) high = middle;
    else if (found.time.getTime() < range.sinceMs) low = found.seq + 1;
    else high = middle;
  }
  for (let from = low; from <= range.last;) {
    const { messages, next } = await readWindow(connection, archive, from, range.last);
    for (const message of messages) yield archived(message);
    from = next;
  }
};

/** Those of one window that are there, oldest first; an empty window leads to the next one. */
const readWindow = async (
  connection: NatsConnection,
  archive: string,
  from: number,
  to: number,
): Promise<{ readonly messages: readonly StoredMsg[]; readonly next: number }> => {
  let start = from;
  for (;;) {
    const length = Math.min(windowMessages, to - start + 1);
    if (length <= 0) return { messages: [], next: to + 1 };
    const found = await Promise.all(Array.from({ length }, (_, index) => get(connection, archive, start + index)));
    const messages = found.filter((message) => message !== undefined);
    start += length;
    if (messages.length > 0) return { messages, next: start };
  }
};

const get = async (connection: NatsConnection, archive: string, seq: number): Promise<StoredMsg | undefined> => {
  const manager = await jetstreamManager(connection);
  try {
    return await manager.streams.getMessage(archive, { seq });
  } catch (cause) {
    if (apiErrorCode(cause) === apiErrorCodes.messageNotFound) return undefined;
    const call = apiSubject(connection, `STREAM.MSG.GET.${archive}`);
    throw new JetStreamError(`message ${seq} of ${archive} cannot be read: ${explainApiError(cause, call)}`, cause);
  }
};

const archived = ({ seq, timestamp, subject, header, data }: StoredMsg): ArchivedMessage => ({
  sequence: seq,
  timestampNs: nanosecondsOf(timestamp),
  subject,
  headers: headerEntries(header),
  payload: data,
});

/** RFC 3339 with up to nine digits of a second, as the server writes it. */
const nanosecondsOf = (timestamp: string): string => {
  const [, seconds = '', fraction = ''] = /^([^.Z+]+)(?:\.(\d+))?/.exec(timestamp) ?? [];
  return `${Date.parse(`${seconds}Z`) / 1_000}${fraction.padEnd(9, '0')}`;
};
