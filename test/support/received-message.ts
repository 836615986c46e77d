import { untried, type QueuedMessage } from '../../infra/connector/dispatch/queued-message.ts';
import type { ReceivedMessage } from '../../infra/connector/intake/received-message.ts';

/** A message in the connector's hands. */
export const receivedMessage = (sequence: number, more: Partial<ReceivedMessage> = {}): ReceivedMessage => ({
  id: `stream/${sequence}`,
  stream: 'stream',
  subject: 'subject',
  sequence,
  storedKey: `${sequence}@${1_700_000_000_000_000_000n + BigInt(sequence)}`,
  timestampNs: `${1_700_000_000_000_000_000n + BigInt(sequence)}`,
  messageId: undefined,
  traceContext: {},
  headers: [],
  payload: new Uint8Array(),
  isJson: true,
  messageType: 'query_state_direct',
  routeId: null,
  bodyBytes: 100,
  heldBytes: 100,
  receivedMs: 0,
  reply: '',
  deliveryCount: 1,
  ...more,
});

/** The same in a lane. */
export const queuedMessage = (sequence: number, more: Partial<ReceivedMessage> = {}): QueuedMessage => ({
  message: receivedMessage(sequence, more),
  serial: sequence,
  deliveryCount: 1,
  maxDeliver: undefined,
  tries: untried,
  isSettled: false,
});
