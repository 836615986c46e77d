/** The time in which we read a durable, as those see it who work for it. */
export interface Tenure {
  /** Whether it is known that nobody else reads: without a lease another connector may. */
  readonly isExclusive: boolean;
  /** Whether a connector read before us, which does so no more: what it left is ours to hand back (L5). */
  readonly isSuccessor: boolean;
  /** For how long a request of the connector before us can wait at the server, which the network brought late (L6). */
  readonly latePullMs: number;
  /** For how long we may still begin something; 0 once the lease is over, infinite without one. */
  remainingMs(): number;
  /** Whether it will never begin again: somebody else reads, or soon will. What is still to be done is that one's. */
  isOver(): boolean;
}

/** Whether something new may be begun (L3). It is asked before each thing, because a process may be frozen between any two. */
export const mayBegin = (tenure: Pick<Tenure, 'remainingMs'>): boolean => tenure.remainingMs() > 0;

/** Of a connector that keeps no lease: it works on as if it were alone. */
export const unlimitedTenure: Tenure = {
  isExclusive: false,
  isSuccessor: false,
  latePullMs: 0,
  remainingMs: () => Number.POSITIVE_INFINITY,
  isOver: () => false,
};
