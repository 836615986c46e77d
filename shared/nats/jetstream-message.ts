import type { Msg } from 'nats';
import { createTextPool } from '../message/text-pool.ts';
import { writerOf } from './client-writer.ts';
import type { NatsConnection } from './connect.ts';

/** What the server says of a delivery in its reply subject. */
export interface DeliveryInfo {
  readonly stream: string;
  readonly consumer: string;
  /** 1 for the first delivery; it starts again when a server lost its latest state. */
  readonly deliveryCount: number;
  readonly sequence: number;
  /** Counts the consumer's deliveries, whoever gets them. */
  readonly consumerSequence: number;
  /** Nanoseconds since the epoch, as text because a number would lose digits. */
  readonly timestampNs: string;
  /** Messages that wait behind this one. */
  readonly pending: number;
}

/** Whether the message came from a stream; what has no such reply is a status of the server. */
export const isDelivery = (message: Msg): boolean => message.reply?.startsWith('$JS.ACK.') === true;

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time ns>.<pending>`; servers with domains
 * put `<domain>.<account>` in front of the stream and may add a token at the end.
 */
export const deliveryInfo = (reply: string): DeliveryInfo => {
  const tokens = reply.split('.');
  const at = tokens.length >= 11 ? 4 : 2;
  return {
    stream: pooled(tokens[at] ?? ''),
    consumer: pooled(tokens[at + 1] ?? ''),
    deliveryCount: Number(tokens[at + 2]),
    sequence: Number(tokens[at + 3]),
    consumerSequence: Number(tokens[at + 4]),
    timestampNs: tokens[at + 5] ?? '0',
    pending: Number(tokens[at + 6] ?? 0),
  };
};

/** Each is kept with all messages that are held. */
const pooled = createTextPool(64);

/**
 * Answers many deliveries alike, in one write. The client by itself encodes each answer and keeps it in three pieces; where it has no
 * way around that, it does so.
 */
export const answerAll = (connection: NatsConnection, how: 'ack' | 'term', replies: readonly string[]): void => {
  const writer = writerOf(connection);
  if (writer === undefined) {
    for (const reply of replies) settle[how](connection, reply);
    return;
  }
  const answer = how === 'ack' ? '+ACK' : '+TERM';
  let commands = '';
  for (const reply of replies) commands += `PUB ${reply} ${answer.length}\r\n${answer}\r\n`;
  if (commands !== '') writer.sendCommand(Buffer.from(commands));
};

const encoder = new TextEncoder();
const ackPayload = encoder.encode('+ACK');
const nakPayload = encoder.encode('-NAK');
const termPayload = encoder.encode('+TERM');
const workingPayload = encoder.encode('+WPI');

/** Answers to a delivery; each is fire and forget, `flush` of the connection makes sure that the server has read them. */
export const settle = {
  ack: (connection: NatsConnection, reply: string): void => connection.publish(reply, ackPayload),
  /** Never without a delay: a bare nak is delivered again at once, thousands of times a second. */
  nakLater: (connection: NatsConnection, reply: string, delayMs: number): void =>
    connection.publish(reply, encoder.encode(`-NAK {"delay": ${Math.round(Math.max(1, delayMs) * 1e6)}}`)),
  term: (connection: NatsConnection, reply: string): void => connection.publish(reply, termPayload),
  /** Starts the ack wait anew. */
  working: (connection: NatsConnection, reply: string): void => connection.publish(reply, workingPayload),
} as const;

interface ConsumerName {
  readonly stream: string;
  readonly durable: string;
}

/** Answers to deliveries that are not in our hands; nothing happens if the message is settled. */
export const settleUnseen = {
  /** Starts the ack wait anew. */
  working: (connection: NatsConnection, consumer: ConsumerName, sequence: number): void =>
    settle.working(connection, answerSubject(consumer, sequence, 0)),
  /** Only for what the stream no longer holds. */
  gone: (connection: NatsConnection, consumer: ConsumerName, sequence: number): void =>
    settle.ack(connection, answerSubject(consumer, sequence, 0)),
  /**
   * It comes again at once, before anything new, in the order in which such words are said.
   * @param delivered the consumer's count of deliveries: the server ignores a word about one that it has not made yet, or that lies
   * behind all that is unsettled
   */
  handBack: (connection: NatsConnection, consumer: ConsumerName, sequence: number, delivered: number): void =>
    connection.publish(answerSubject(consumer, sequence, delivered), nakPayload),
} as const;

/** Where a consumer's delivery is answered by somebody who has not received it: of such an answer servers read the stream sequence. */
const answerSubject = ({ stream, durable }: ConsumerName, sequence: number, consumerSequence: number): string =>
  `$JS.ACK.${stream}.${durable}.1.${sequence}.${consumerSequence}.0.0`;
