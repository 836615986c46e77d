export interface PaceOptions {
  /** Between two tries to connect to one server. */
  readonly waitMs: number;
  /** Added at random, so that thousands of clients do not come at once. */
  readonly jitterMs: number;
  /** The clock of the machine, which may be set back. */
  readonly epochMs: () => number;
  /** A clock that only goes forward. */
  readonly monotonicMs: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/**
 * How long the client is to wait between two tries to connect to a server, whenever it asks. It counts that from when it last
 * tried, by the machine's clock. Where that clock was set back by an hour since (a corrected time, a virtual machine that was
 * restored), the client would not try again for an hour. So a clock that goes forward says when it may try, and then as much is
 * taken off as the other one has ever been ahead of where it is now.
 */
export const createReconnectPace = ({
  waitMs,
  jitterMs,
  epochMs,
  monotonicMs,
  random,
}: PaceOptions): (() => number) => {
  let mostAheadMs = Number.NEGATIVE_INFINITY;
  let triedMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = monotonicMs();
    const aheadMs = epochMs() - nowMs;
    mostAheadMs = Math.max(mostAheadMs, aheadMs);
    if (nowMs - triedMs < waitMs) return waitMs + Math.floor(random() * jitterMs);
    triedMs = nowMs;
    return aheadMs - mostAheadMs;
  };
};
