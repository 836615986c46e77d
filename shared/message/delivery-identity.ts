import { createHash } from 'node:crypto';

import { hasLoneSurrogate } from '../json/lone-surrogate.ts';

const maxIdentityCharacters = 200;

/**
 * What a text of the database or a header cannot hold as it is: control characters, halves of surrogate pairs, and
 * white space at an end, which readers of headers cut off.
 */
// oxlint-disable-next-line no-control-regex
const unholdable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]|\p{Surrogate}|^\s|\s$/u;

/** Nothing but visible ASCII, as nearly all identities are: told in a fraction of the time. */
const usual = /^[!-~]*$/;

/**
 * Identities are ledger keys and message ids. One that is too long, or that the database or a header cannot hold,
 * becomes its SHA-256. The same text always gives the same key, wherever it is written and read again.
 */
export const boundedIdentity = (identity: string): string =>
  identity.length <= maxIdentityCharacters && (usual.test(identity) || !unholdable.test(identity))
    ? identity
    : // Not as UTF-8, in which halves of surrogate pairs are all the same.
      `sha256:${createHash('sha256')
        .update(identity, hasLoneSurrogate(identity) ? 'utf16le' : 'utf8')
        .digest('hex')}`;

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
 * The idempotency key of a delivery: the producer's id within its stream, which survives a second publication. Without
 * one it is the place in the stream with its time, because a stream that is made anew counts from 1 again.
 */
export const deliveryIdentity = (position: StreamPosition): string =>
  boundedIdentity(
    position.messageId === undefined || position.messageId === ''
      ? `${position.stream}/${position.sequence}@${position.timestampNs}`
      : `${position.stream}/${position.messageId}`,
  );
