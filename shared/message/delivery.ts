import type { JsonObject } from '../json/json-value.ts';

/** The message types that the functions handle (reference.md B). */
export const messageTypes = [
  'query_state_direct',
  'query_state_route',
  'query_state_entry',
  'query_processor_entry',
] as const;
export type MessageType = (typeof messageTypes)[number];

/** One message as it was delivered, decoded but not yet planned. */
export interface Delivery {
  /** The idempotency key: the producer's message id scoped by stream, else `stream/sequence@timestamp`. */
  readonly id: string;
  /** The NATS subject it arrived on; empty if there was none. */
  readonly subject: string;
  /** When the message entered the stream (milliseconds since the epoch): `now()` in expressions. */
  readonly timestampMs: number;
  /** 1 for the first attempt; a hint for traces only, it restarts when a broker is killed. */
  readonly attempt: number;
  /** W3C trace context of the producer, by lower-case header name. */
  readonly traceContext: Readonly<Record<string, string>>;
  /** Of the payload's bytes: tells a message that comes again from another one under the same id. */
  readonly contentHash: string;
  readonly type: MessageType;
  /** The whole envelope; numbers as they were written. */
  readonly message: JsonObject;
}
