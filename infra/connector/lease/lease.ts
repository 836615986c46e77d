/** What a lease's key holds. */
export interface LeaseRecord {
  /** Which connector reads; undefined once it has given the lease up. */
  readonly holder: string | undefined;
  /** Since when: milliseconds since the epoch, for people. */
  readonly sinceMs: number;
  /** For how long one renewal counts. */
  readonly ttlMs: number;
}

/** The key as it was read; revision 0 and no record if there is none. */
export interface LeaseSight {
  readonly revision: number;
  readonly record: LeaseRecord | undefined;
}

/** Who takes the lease next waits for so much longer, because no two clocks run alike (L2). */
export const driftAllowance = 0.1;

export type LeaseStep =
  /** It is ours: write it again at this revision. */
  | { readonly kind: 'renew'; readonly revision: number }
  /** It is free, or its holder is silent for too long: write it at this revision. */
  | { readonly kind: 'take'; readonly revision: number }
  | { readonly kind: 'wait' };

/**
 * One durable's lease as one connector sees it. All times are of that connector's own clock, which never goes back; nothing is
 * compared with another's. infra/connector/README.md has the argument (L1 to L9).
 */
export interface Lease {
  /** What the key holds. Anything but our own record ends what we held (L1). */
  see(sight: LeaseSight, nowMs: number): void;
  /** What to do next. */
  next(nowMs: number): LeaseStep;
  /** Our write was confirmed. It counts from before it was sent (L2). Returns whether a term begins: others may have read before. */
  wrote(sight: LeaseSight & { readonly record: LeaseRecord }, sentMs: number): boolean;
  /** We gave it up. What we wrote before and have no answer to counts no more. */
  gaveUp(nowMs: number): void;
  /** For how long we are the only one who reads; 0 if we are not. */
  remainingMs(nowMs: number): number;
  /** Whether the key named us when we last saw it. */
  readonly isOurs: boolean;
  /** Whether somebody of us held it before the present term: what that one left is ours to take over (L5). */
  readonly isSuccessor: boolean;
  readonly record: LeaseRecord | undefined;
  /** For how long its holder has been silent beyond what it may be; 0 if it is not. */
  overdueMs(nowMs: number): number;
  /** For how long nobody has held it, as far as we saw. */
  freeForMs(nowMs: number): number;
}

export const createLease = (own: string): Lease => {
  let revision = 0;
  let record: LeaseRecord | undefined;
  /** When we first saw this revision. */
  let seenMs = Number.NEGATIVE_INFINITY;
  let endsAtMs = Number.NEGATIVE_INFINITY;
  let gaveUpMs = Number.NEGATIVE_INFINITY;
  let isSuccessor = false;

  const isOurs = (): boolean => record?.holder === own;
  /** Negative while its holder need not have said anything. */
  const silentMs = (holding: LeaseRecord, nowMs: number): number =>
    nowMs - seenMs - holding.ttlMs * (1 + driftAllowance);
  const take = (sight: LeaseSight, nowMs: number): void => {
    if (sight.revision !== revision || !Number.isFinite(seenMs)) seenMs = nowMs;
    // It becomes ours by our write, or we see that one whose answer was lost was heard.
    if (!isOurs() && sight.record?.holder === own) isSuccessor = record !== undefined;
    ({ revision, record } = sight);
    if (!isOurs()) endsAtMs = Number.NEGATIVE_INFINITY;
  };

  return {
    see: take,
    next: (nowMs) => {
      if (isOurs()) return { kind: 'renew', revision };
      if (record?.holder === undefined) return { kind: 'take', revision };
      return silentMs(record, nowMs) >= 0 ? { kind: 'take', revision } : { kind: 'wait' };
    },
    wrote: (sight, sentMs) => {
      if (sentMs <= gaveUpMs) return false;
      const isNew = !isOurs();
      take(sight, sentMs);
      endsAtMs = sentMs + sight.record.ttlMs;
      return isNew;
    },
    gaveUp: (nowMs) => {
      gaveUpMs = nowMs;
      endsAtMs = Number.NEGATIVE_INFINITY;
      if (record !== undefined) record = { ...record, holder: undefined };
    },
    remainingMs: (nowMs) => Math.max(0, endsAtMs - nowMs),
    get isOurs() {
      return isOurs();
    },
    get isSuccessor() {
      return isSuccessor;
    },
    get record() {
      return record;
    },
    overdueMs: (nowMs) => (record?.holder === undefined || isOurs() ? 0 : Math.max(0, silentMs(record, nowMs))),
    freeForMs: (nowMs) => (record?.holder === undefined && Number.isFinite(seenMs) ? nowMs - seenMs : 0),
  };
};

/** The record as text; undefined where the key holds something else. */
export const parseLeaseRecord = (text: string | undefined): LeaseRecord | undefined => {
  if (text === undefined) return undefined;
  try {
    const { holder, sinceMs, ttlMs } = JSON.parse(text) as Partial<Record<keyof LeaseRecord, unknown>>;
    if (typeof sinceMs !== 'number' || typeof ttlMs !== 'number' || !(ttlMs > 0)) return undefined;
    return { holder: typeof holder === 'string' ? holder : undefined, sinceMs, ttlMs };
  } catch {
    // Somebody wrote to our key by hand: as if nothing were there.
    return undefined;
  }
};
