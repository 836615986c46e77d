import { backoffMs, type BackoffLimits } from './backoff.ts';

/** How many requests a function may get at a time: none while it is away, one to try, fewer while it is overloaded. */
export interface CircuitBreaker {
  /** Requests that may be under way now. */
  slots(nowMs: number): number;
  /** When an open circuit lets one request through to try; undefined while closed. */
  readonly reopensAtMs: number | undefined;
  readonly isOpen: boolean;
  /** A request was answered. */
  succeeded(): void;
  /** The function cannot be reached or said so: open at once, for at least what it asked for. */
  unavailable(nowMs: number, retryAfterMs?: number): void;
  /** The function has too much to do (429): open, and half the requests from then on. */
  overloaded(nowMs: number, underWay: number, retryAfterMs?: number): void;
  /** A request failed in a way that may be its messages' fault: open after several in a row. */
  faulted(nowMs: number): void;
}

const faultsUntilOpen = 5;

export const createCircuitBreaker = (
  limits: BackoffLimits & { readonly maxRequests: number },
  random: () => number,
): CircuitBreaker => {
  let allowed = limits.maxRequests;
  let failures = 0;
  let faultsInRow = 0;
  let reopensAtMs: number | undefined;

  const open = (nowMs: number, leastMs: number): void => {
    // Requests that were under way together fail together: that is one failure.
    if (reopensAtMs !== undefined && nowMs < reopensAtMs) {
      reopensAtMs = Math.max(reopensAtMs, nowMs + Math.min(leastMs, limits.maxMs));
      return;
    }
    failures += 1;
    reopensAtMs = nowMs + Math.max(Math.min(leastMs, limits.maxMs), backoffMs(limits, failures, random));
  };

  return {
    slots: (nowMs) => (reopensAtMs === undefined ? allowed : nowMs >= reopensAtMs ? 1 : 0),
    get reopensAtMs() {
      return reopensAtMs;
    },
    get isOpen() {
      return reopensAtMs !== undefined;
    },
    succeeded: () => {
      failures = 0;
      faultsInRow = 0;
      reopensAtMs = undefined;
      allowed = Math.min(limits.maxRequests, allowed + 1);
    },
    unavailable: (nowMs, retryAfterMs = 0) => open(nowMs, retryAfterMs),
    overloaded: (nowMs, underWay, retryAfterMs = 0) => {
      allowed = Math.max(1, Math.floor(Math.min(allowed, underWay) / 2));
      open(nowMs, retryAfterMs);
    },
    faulted: (nowMs) => {
      faultsInRow += 1;
      if (faultsInRow >= faultsUntilOpen || reopensAtMs !== undefined) open(nowMs, 0);
    },
  };
};
