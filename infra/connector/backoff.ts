export interface BackoffLimits {
  readonly initialMs: number;
  readonly maxMs: number;
}

/**
 * The delay before the next try (milliseconds): doubled with every failure, capped, and shortened at random by up to half,
 * so that keys that failed together do not come back together.
 * @param failures 1 after the first failure
 * @param random 0 <= r < 1
 */
export const backoffMs = (limits: BackoffLimits, failures: number, random: number): number => {
  const full = Math.min(limits.maxMs, limits.initialMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(full * (1 - random / 2));
};
