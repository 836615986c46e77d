import { eventDataBytes, eventOverheadBytes } from '../../../shared/message/cloud-event.ts';
import type { HeaderEntry } from '../../../shared/message/dead-letter.ts';
import { standsFor } from '../../../shared/message/replay.ts';
import type { Msg } from '../../../shared/nats/connect.ts';
import { headerEntries, headerValue, readHeaders, traceContextOf, wireBytes } from '../../../shared/nats/headers.ts';
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
  /** `Nats-Msg-Id` of its dead letter, should it come to that. */
  readonly deadLetterId: string;
  /** The producer's `Nats-Msg-Id`. */
  readonly messageId: string | undefined;
  readonly traceContext: Readonly<Record<string, string>>;
  readonly headers: readonly HeaderEntry[];
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
 * A delivery as the connector reads it.
 * @param key its {@link storedKey}
 */
export const receiveMessage = (
  raw: Msg,
  info: DeliveryInfo,
  key: string,
  classified: Pick<Classified, 'isJson' | 'messageType' | 'routeId'>,
  at: { readonly nowMs: number; readonly token: string | undefined },
): ReceivedMessage => {
  const headers = readHeaders(raw);
  const messageId = headerValue(headers, 'Nats-Msg-Id');
  const { isJson } = classified;
  return {
    ...standsFor(
      { ...info, messageId },
      (name) => headerValue(headers, name),
      at.token === undefined ? undefined : { token: at.token, payload: raw.data },
    ),
    stream: info.stream,
    subject: raw.subject,
    sequence: info.sequence,
    storedKey: key,
    messageId,
    traceContext: traceContextOf(headers),
    headers: headerEntries(headers),
    // A copy: the client's piece would keep all that arrived with it.
    payload: raw.data.slice(),
    isJson,
    messageType: classified.messageType,
    routeId: classified.routeId,
    bodyBytes: eventDataBytes(raw.data.byteLength, isJson) + eventOverheadBytes,
    heldBytes: wireBytes(raw) + eventOverheadBytes,
    receivedMs: at.nowMs,
    reply: raw.reply ?? '',
    deliveryCount: info.deliveryCount,
  };
};
