/** How often we look again because a delivery went elsewhere. */
export interface GapBudget {
  /** Whether one more look is allowed. */
  take(nowMs: number): boolean;
}

const most = 20;
const perMs = 10_000;

/**
 * A request that a connector sent before it lost its lease may reach the server late, and takes a few messages: each is looked for.
 * But somebody who reads all the time without a lease would have us look all the time: then order is not promised, and work goes on.
 */
export const createGapBudget = (): GapBudget => {
  let sinceMs = Number.NEGATIVE_INFINITY;
  let taken = 0;
  return {
    take: (nowMs) => {
      if (nowMs - sinceMs >= perMs) {
        sinceMs = nowMs;
        taken = 0;
      }
      taken += 1;
      return taken <= most;
    },
  };
};
