import type { Lease } from './lease.ts';
import type { LeaseShare } from './share-leases.ts';

/** Where a connector stands with one durable. */
export interface LeaseSituation {
  readonly durable: string;
  readonly lease: Pick<Lease, 'next' | 'remainingMs' | 'freeForMs' | 'overdueMs' | 'record'>;
  readonly share: LeaseShare;
  /** Whether it has a term: it reads, or would if its lease were not over. */
  readonly hasTerm: boolean;
  /** When it wrote the key last. */
  readonly writtenMs: number;
  readonly ttlMs: number;
}

export type LeaseAction =
  | { readonly kind: 'rest' }
  | { readonly kind: 'write'; readonly revision: number }
  /** It is free, and not our turn as far as we know. Whoever gave it up may be gone since we looked: then our share is larger. */
  | { readonly kind: 'look_who_is_there'; readonly revision: number }
  /** So that a connector with less can take it. */
  | { readonly kind: 'give_up' };

/** What is done about the lease now. */
export const nextLeaseAction = (situation: LeaseSituation, nowMs: number): LeaseAction => {
  const { durable, lease, share, hasTerm, writtenMs, ttlMs } = situation;
  const next = lease.next(nowMs);
  if (next.kind === 'wait') return rest;
  const { revision } = next;
  if (next.kind === 'renew') {
    if (hasTerm && share.gives === durable) return { kind: 'give_up' };
    const isDue = nowMs - writtenMs >= ttlMs / 3 || lease.remainingMs(nowMs) === 0;
    return isDue ? { kind: 'write', revision } : rest;
  }
  const write = { kind: 'write', revision } as const;
  if (share.mayTake) return write;
  // Keys wait for one whose holder died: whoever has a part of its own waits a moment for those that have not, and no longer.
  if (lease.record?.holder !== undefined) return lease.overdueMs(nowMs) >= contendedMs ? write : rest;
  return lease.freeForMs(nowMs) >= orphanedMs ? write : { kind: 'look_who_is_there', revision };
};

/** What a confirmed write of the key means for the work. */
export interface WrittenLease {
  /** Whether others may have read since our name was there last. */
  readonly begins: boolean;
  readonly hasTerm: boolean;
  /** Whether our time was over before the word came. */
  readonly wasOver: boolean;
  /** Whether it is over all the same: the word came so late that somebody else may read by now. */
  readonly isOver: boolean;
  /** Whether the term hands its work over. */
  readonly isEnding: boolean;
}

/** A term begins; or the one that we have goes on, after a time in which it could do nothing, or as it was. */
export const termAfterWrite = (written: WrittenLease): 'begin' | 'resume' | 'wake' | 'rest' => {
  const { begins, hasTerm, wasOver, isOver, isEnding } = written;
  // The key is written once more first, and that shows who reads (L3).
  if (isOver) return 'rest';
  if (begins || !hasTerm) return 'begin';
  return wasOver && !isEnding ? 'resume' : 'wake';
};

/** A lease that is free for so long is taken by whoever sees it, also beyond an even share. */
const orphanedMs = 1_500;
/** The same for one whose holder died. */
const contendedMs = 400;
const rest: LeaseAction = { kind: 'rest' };
