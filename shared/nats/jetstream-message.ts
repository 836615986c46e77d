import type { Msg } from 'nats';
import type { NatsConnection } from './connect.ts';

/** What the server says of a delivery in its reply subject. */
export interface DeliveryInfo {
  readonly stream: string;
  readonly consumer: string;
  /** 1 for the first delivery; it starts again when a server lost its latest state. */
  readonly deliveryCount: number;
  readonly sequence: number;
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
    stream: tokens[at] ?? '',
    consumer: tokens[at + 1] ?? '',
    deliveryCount: Number(tokens[at + 2]),
    sequence: Number(tokens[at + 3]),
    timestampNs: tokens[at + 5] ?? '0',
    pending: Number(tokens[at + 6] ?? 0),
  };
};

const encoder = new TextEncoder();
const ackPayload = encoder.encode('+ACK');
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
    settle.working(connection, answerSubject(consumer, sequence)),
  /** Only for what the stream no longer holds. */
  gone: (connection: NatsConnection, consumer: ConsumerName, sequence: number): void =>
    settle.ack(connection, answerSubject(consumer, sequence)),
} as const;

/** Where a consumer's delivery is answered by somebody who has not received it: of such an answer servers read the stream sequence. */
const answerSubject = ({ stream, durable }: ConsumerName, sequence: number): string =>
  `$JS.ACK.${stream}.${durable}.1.${sequence}.0.0.0`;
