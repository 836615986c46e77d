import { driftAllowance } from './lease.ts';

const longestPullMs = 30_000;

/**
 * For how long any pull that a lease allows can wait at the server, once it has come there: one that the network kept back waits for
 * as long as one that it did not.
 */
export const latePullMs = (ttlMs: number): number => Math.min(longestPullMs, ttlMs) * (1 + driftAllowance);

/**
 * How long a pull that is sent now may wait at the server: it ends there before the lease does, however slow the server's clock
 * is (L4).
 * @param remainingMs of the lease
 */
export const pullExpiryMs = (remainingMs: number): number =>
  Math.min(longestPullMs, remainingMs / (1 + driftAllowance));
