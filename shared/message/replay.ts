import { deliveryIdentity, type StreamPosition } from './delivery-identity.ts';

/**
 * What a replayed dead letter carries beside its own `Nats-Msg-Id`. That id has to be new, because the stream still
 * knows the old one.
 * - The delivery that it stands for. By this the ledger recognises what was stored before the message was given up.
 * - When that delivery entered its stream. By this `now()` in expressions comes out the same.
 */
export const replayHeaders = {
  identity: 'ism-delivery-id',
  timestampNs: 'ism-delivery-time-ns',
} as const;

export interface StandsFor {
  /** The idempotency key. */
  readonly id: string;
  /** Nanoseconds since the epoch, as text. */
  readonly timestampNs: string;
  /**
   * `Nats-Msg-Id` of the dead letter, if it comes to that. It is derived from this very message, by its place in the
   * stream: neither a replay that fails soon after the first time, nor another message under the same id, must be taken
   * for an earlier dead letter.
   */
  readonly deadLetterId: string;
}

/**
 * The delivery that a message of a stream stands for: its own, or the one that it replays.
 * @param header reads a header of the message whatever its case
 */
export const standsFor = (position: StreamPosition, header: (name: string) => string | undefined): StandsFor => {
  const own = deliveryIdentity(position);
  const replayed = header(replayHeaders.identity);
  const timestampNs = header(replayHeaders.timestampNs);
  return {
    id: replayed === undefined || replayed === '' || replayed.length > 200 ? own : replayed,
    timestampNs: timestampNs !== undefined && /^\d{1,19}$/.test(timestampNs) ? timestampNs : position.timestampNs,
    deadLetterId: `dead/${deliveryIdentity({ ...position, messageId: undefined })}`,
  };
};
