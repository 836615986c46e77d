import { createHash } from 'node:crypto';

const maxIdentityCharacters = 200;

/** Identities are ledger keys and message ids: bounded, and the same text always gives the same key. */
export const boundedIdentity = (identity: string): string =>
  identity.length <= maxIdentityCharacters ? identity : `sha256:${createHash('sha256').update(identity).digest('hex')}`;

/** What tells one message of a stream from all others. */
export interface StreamPosition {
  readonly stream: string;
  readonly sequence: number;
  /** When the stream stored it: nanoseconds since the epoch, as text because a number would lose digits. */
  readonly timestampNs: string;
  /** The producer's `Nats-Msg-Id`. */
  readonly messageId?: string | undefined;
}

/**
 * The idempotency key of a delivery: the producer's id scoped by stream (it survives a re-publication), else the place in
 * the stream with its time, because a stream that is made anew counts from 1 again.
 */
export const deliveryIdentity = (position: StreamPosition): string =>
  boundedIdentity(
    position.messageId === undefined || position.messageId === ''
      ? `${position.stream}/${position.sequence}@${position.timestampNs}`
      : `${position.stream}/${position.messageId}`,
  );
