import { eventDataBytes, eventOverheadBytes } from '../../../shared/message/cloud-event.ts';
import { standsFor } from '../../../shared/message/replay.ts';
import type { Msg } from '../../../shared/nats/connect.ts';
import { headerEntries, headerValue, readHeaders, traceContextOf, wireBytes } from '../../../shared/nats/headers.ts';
import type { DeliveryInfo } from '../../../shared/nats/jetstream-message.ts';
import type { Classified } from './classify-payload.ts';
import type { ReceivedMessage } from './received-message.ts';

/** A delivery as the connector reads it. */
export const receiveMessage = (
  raw: Msg,
  info: DeliveryInfo,
  classified: Classified,
  receivedMs: number,
): ReceivedMessage => {
  const headers = readHeaders(raw);
  const messageId = headerValue(headers, 'Nats-Msg-Id');
  const isJson = classified.ok && classified.isJson;
  return {
    ...standsFor({ ...info, messageId }, (name) => headerValue(headers, name)),
    stream: info.stream,
    subject: raw.subject,
    sequence: info.sequence,
    storedNs: info.timestampNs,
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
    receivedMs,
    reply: raw.reply ?? '',
    deliveryCount: info.deliveryCount,
  };
};
