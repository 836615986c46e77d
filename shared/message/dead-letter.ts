/**
 * A dead letter is the original message with headers that say why it is there. Its own `Nats-Msg-Id` is
 * `dead/<stream>/<sequence>@<timestamp>` of the message itself, so that one message is dead-lettered once
 * however often it is tried, and two messages twice although they share an id. After a refusal the number of the try follows.
 */
export const deadLetterHeaders = {
  code: 'dead-letter-code',
  reason: 'dead-letter-reason',
  time: 'dead-letter-time',
  identity: 'dead-letter-identity',
  stream: 'dead-letter-stream',
  subject: 'dead-letter-subject',
  sequence: 'dead-letter-sequence',
  timestampNs: 'dead-letter-timestamp-ns',
  deliveryCount: 'dead-letter-delivery-count',
  attempts: 'dead-letter-attempts',
  /** The producer's `Nats-Msg-Id`, if there was one. */
  messageId: 'dead-letter-message-id',
  /** `gzip` if the original bytes had no room beside these headers. */
  encoding: 'dead-letter-encoding',
} as const;

export interface DeadLetterInfo {
  readonly code: string;
  readonly reason: string;
  /** When it was given up (RFC 3339). */
  readonly time: string;
  readonly identity: string;
  readonly stream: string;
  /** The subject that the message was published to: where a replay sends it again. */
  readonly subject: string;
  readonly sequence: number;
  readonly timestampNs: string;
  readonly deliveryCount: number;
  readonly attempts: number;
  readonly messageId?: string | undefined;
}

export type HeaderEntry = readonly [string, readonly string[]];

/** The headers of a dead letter: the original ones as they were written, then why it is there. */
export const buildDeadLetterHeaders = (
  original: readonly HeaderEntry[],
  info: DeadLetterInfo,
): readonly HeaderEntry[] => {
  const own: HeaderEntry[] = [
    [deadLetterHeaders.code, [info.code]],
    [deadLetterHeaders.reason, [oneLine(info.reason)]],
    [deadLetterHeaders.time, [info.time]],
    [deadLetterHeaders.identity, [info.identity]],
    [deadLetterHeaders.stream, [info.stream]],
    [deadLetterHeaders.subject, [info.subject]],
    [deadLetterHeaders.sequence, [String(info.sequence)]],
    [deadLetterHeaders.timestampNs, [info.timestampNs]],
    [deadLetterHeaders.deliveryCount, [String(info.deliveryCount)]],
    [deadLetterHeaders.attempts, [String(info.attempts)]],
  ];
  if (info.messageId !== undefined) own.push([deadLetterHeaders.messageId, [info.messageId]]);
  return [...original.filter(([name]) => !isOwn(name)), ...own];
};

/** Reads what {@link buildDeadLetterHeaders} wrote; undefined if the message is no dead letter. */
export const parseDeadLetterHeaders = (entries: readonly HeaderEntry[]): DeadLetterInfo | undefined => {
  const values = new Map(entries.map(([name, list]) => [name.toLowerCase(), list[0] ?? '']));
  const text = (name: string): string => values.get(name) ?? '';
  if (!values.has(deadLetterHeaders.identity)) return undefined;
  return {
    code: text(deadLetterHeaders.code),
    reason: text(deadLetterHeaders.reason),
    time: text(deadLetterHeaders.time),
    identity: text(deadLetterHeaders.identity),
    stream: text(deadLetterHeaders.stream),
    subject: text(deadLetterHeaders.subject),
    sequence: Number(text(deadLetterHeaders.sequence)),
    timestampNs: text(deadLetterHeaders.timestampNs),
    deliveryCount: Number(text(deadLetterHeaders.deliveryCount)),
    attempts: Number(text(deadLetterHeaders.attempts)),
    messageId: values.get(deadLetterHeaders.messageId),
  };
};

/** The original message's own headers, for a replay. */
export const originalHeaders = (entries: readonly HeaderEntry[]): readonly HeaderEntry[] =>
  entries.filter(([name]) => !isOwn(name));

/** Codes and reasons come from outside: one line of bounded length. */
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').slice(0, 1_000);

/** Headers that speak to the server, or that we write anew: they are not copied from or to the original message. */
const isOwn = (name: string): boolean => {
  const lower = name.toLowerCase();
  return lower.startsWith('nats-') || lower.startsWith('dead-letter-') || lower.startsWith('ism-delivery-');
};
