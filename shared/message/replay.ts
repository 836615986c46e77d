import { deliveryIdentity, type StreamPosition } from './delivery-identity.ts';
import { isSignatureOf, signatureOf } from './signature.ts';

/**
 * What a replayed dead letter carries beside its own `Nats-Msg-Id`. That id has to be new, because the stream still
 * knows the old one.
 * - The delivery that it stands for. By this the ledger recognises what was stored before the message was given up.
 * - When that delivery entered its stream. By this `now()` in expressions comes out the same.
 * - The signature of both and of the payload with the shared token: any producer can write the other two.
 */
export const replayHeaders = {
  identity: 'ism-delivery-id',
  timestampNs: 'ism-delivery-time-ns',
  signature: 'ism-delivery-signature',
} as const;

/** Headers of a message that stands for a delivery of the stream; without a token they are not signed. */
export const signReplay = (
  token: string | undefined,
  replay: { readonly stream: string; readonly identity: string; readonly timestampNs: string },
  payload: Uint8Array,
): Readonly<Record<string, string>> => {
  const { stream, identity, timestampNs } = replay;
  return {
    [replayHeaders.identity]: identity,
    [replayHeaders.timestampNs]: timestampNs,
    ...(token === undefined
      ? {}
      : { [replayHeaders.signature]: signatureOf(token, 'replay', [stream, identity, timestampNs, payload]) }),
  };
};

/**
 * What an edited dead letter carries: the identity of the delivery that it was made of. It stands for itself, unlike a replay,
 * because its content is another.
 */
export const editedFromHeader = 'ism-edited-from';

export interface StandsFor {
  /** The idempotency key. */
  readonly id: string;
  /** Nanoseconds since the epoch, as text. */
  readonly timestampNs: string;
}

/**
 * The delivery that a message of a stream stands for: its own, or the one that it replays. With a token only a signed
 * replay counts; else anybody who may publish could have another message taken for one that is stored already.
 * @param header reads a header of the message whatever its case
 * @param proof the shared token, if there is one, and the payload that it signs
 */
export const standsFor = (
  position: StreamPosition,
  header: (name: string) => string | undefined,
  proof?: { readonly token: string; readonly payload: Uint8Array },
): StandsFor => {
  const { stream, timestampNs: storedNs } = position;
  const own = deliveryIdentity(position);
  const identity = header(replayHeaders.identity) ?? '';
  const timestampNs = header(replayHeaders.timestampNs) ?? '';
  const isOurs = (): boolean => {
    if (proof === undefined) return true;
    const parts = [stream, identity, timestampNs, proof.payload];
    return isSignatureOf(header(replayHeaders.signature) ?? '', proof.token, 'replay', parts);
  };
  const isReplay = identity !== '' && identity.length <= 200 && isOurs();
  return {
    id: isReplay ? identity : own,
    timestampNs: isReplay && /^\d{1,19}$/.test(timestampNs) ? timestampNs : storedNs,
  };
};
