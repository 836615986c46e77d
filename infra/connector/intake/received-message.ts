import { eventDataBytes, eventOverheadBytes } from '../../../shared/message/cloud-event.ts';
import { boundedIdentity } from '../../../shared/message/delivery-identity.ts';
import { standsFor } from '../../../shared/message/replay.ts';
import { createTextPool } from '../../../shared/message/text-pool.ts';
import type { Msg } from '../../../shared/nats/connect.ts';
import { pairTraceContext, pairValue, readHeaderPairs, type HeaderPairs } from '../../../shared/nats/header-pairs.ts';
import { wireBytes } from '../../../shared/nats/headers.ts';
import type { DeliveryInfo } from '../../../shared/nats/jetstream-message.ts';
import type { Classified } from './classify-payload.ts';

/** A message as it was delivered to us. What happens to it afterwards is written elsewhere. */
export interface ReceivedMessage {
  /** Delivery identity. */
  readonly id: string;
  readonly stream: string;
  readonly subject: string;
  readonly sequence: number;
  /** Tells it from all other messages that its stream ever had: see {@link storedKey}. */
  readonly storedKey: string;
  /** When the delivery that it stands for entered its stream: of a replayed dead letter, the first time. */
  readonly timestampNs: string;
  /** The producer's `Nats-Msg-Id`. */
  readonly messageId: string | undefined;
  readonly traceContext: Readonly<Record<string, string>>;
  readonly headers: HeaderPairs;
  readonly payload: Uint8Array;
  /** Whether the payload is strict JSON that may be spliced into a batch. */
  readonly isJson: boolean;
  readonly messageType: string | undefined;
  readonly routeId: string | null;
  /** Size in a request body. */
  readonly bodyBytes: number;
  /** Size against the bound of what is held. */
  readonly heldBytes: number;
  /** On the connector's clock. */
  readonly receivedMs: number;
  /** Reply subject of the delivery that brought it; it names the consumer. */
  readonly reply: string;
  /** The server's count at that delivery. */
  readonly deliveryCount: number;
}

/** Identity of a stored message: a stream that is made anew counts from 1 again, so the sequence alone is not enough. */
export const storedKey = (sequence: number, storedNs: string): string => `${sequence}@${storedNs}`;

/**
 * `Nats-Msg-Id` of the message's dead letter, should it come to that. It is derived from this very message, by its place in the
 * stream: neither a replay that fails soon after the first time, nor another message under the same id, must be taken for an
 * earlier dead letter.
 */
export const deadLetterIdOf = ({ stream, storedKey: key }: Pick<ReceivedMessage, 'stream' | 'storedKey'>): string =>
  `dead/${boundedIdentity(`${stream}/${key}`)}`;

/** A delivery as it came. */
export interface RawDelivery {
  readonly raw: Msg;
  /** Of `raw`, which makes a new view at each look. */
  readonly data: Uint8Array;
  readonly info: DeliveryInfo;
  /** Its {@link storedKey}. */
  readonly storedKey: string;
}

/** A delivery as the connector reads it. */
export const receiveMessage = (
  { raw, data, info, storedKey: key }: RawDelivery,
  classified: Pick<Classified, 'isJson' | 'messageType' | 'routeId'>,
  at: { readonly nowMs: number; readonly token: string | undefined },
): ReceivedMessage => {
  const headers = readHeaderPairs(raw, data);
  const messageId = pairValue(headers, 'Nats-Msg-Id');
  const { isJson } = classified;
  const { id, timestampNs } = standsFor(
    { stream: info.stream, sequence: info.sequence, timestampNs: info.timestampNs, messageId },
    (name) => pairValue(headers, name),
    at.token === undefined ? undefined : { token: at.token, payload: data },
  );
  return {
    id,
    timestampNs,
    stream: info.stream,
    subject: pooled(raw.subject),
    sequence: info.sequence,
    storedKey: key,
    messageId,
    traceContext: pairTraceContext(headers),
    headers,
    // A copy: the client's piece, and a slice of it too, would keep all that arrived with it.
    payload: Buffer.from(data),
    isJson,
    messageType: classified.messageType,
    routeId: classified.routeId,
    bodyBytes: eventDataBytes(data.byteLength, isJson) + eventOverheadBytes,
    heldBytes: wireBytes(raw) + eventOverheadBytes,
    receivedMs: at.nowMs,
    reply: raw.reply ?? '',
    deliveryCount: info.deliveryCount,
  };
};

/** Subjects are few, and each is kept with all of its messages. */
const pooled = createTextPool(256);
