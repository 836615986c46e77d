import { hash } from 'node:crypto';

import { TerminalError } from '../errors/sync-error.ts';

/** What a message says: the first half of the SHA-256 of its payload's bytes, as 32 hex digits. */
export const contentHash = (payload: Uint8Array): string => hash('sha256', payload, 'hex').slice(0, hexDigits);

/** Whose an identity is. Of a delivery that was applied before hashes were kept, the content is not known. */
export interface IdentityUse {
  readonly contentHash: string | null;
  /** Null: of a function that stores no rows. */
  readonly stateId: string | null;
}

/**
 * The refusal of a delivery whose identity was another message's before, or undefined if it is the same message.
 *
 * The content decides. It names the state or the route, so that another state is another content; if only the route was
 * edited meanwhile, a redelivery is still the same message. What is not known counts as the same.
 */
export const identityReuse = (earlier: IdentityUse, now: IdentityUse): TerminalError | undefined =>
  earlier.contentHash === null || now.contentHash === null || earlier.contentHash === now.contentHash
    ? undefined
    : new TerminalError(
        'identity_reused',
        `the message's id was used before by another message (${nameOf(earlier)}); this one is ${nameOf(now)}`,
      );

/** 128 bits: the ledger has one for every delivery, and nobody gains anything by two contents of his own with one hash. */
const hexDigits = 32;
const shownDigits = 8;

const nameOf = ({ contentHash: digits, stateId }: IdentityUse): string =>
  `content ${digits?.slice(0, shownDigits) ?? 'unknown'}${stateId === null ? '' : ` for state ${stateId}`}`;
