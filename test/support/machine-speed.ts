/**
 * Chosen, not measured on the machines for which bounds of time were set (milliseconds): one on which they failed takes 127 for the work
 * below.
 */
const usualMs = 60;

const workMs = (): number => {
  const startedMs = performance.now();
  let sum = 0;
  for (let n = 0; n < 20_000_000; n += 1) sum = (sum * 31 + n) | 0;
  // Nobody may find that the loop is for nothing.
  if (Number.isNaN(sum)) throw new Error('an integer is no number');
  return performance.now() - startedMs;
};

/**
 * How much slower this machine computes than one of the usual kind; never less than 1. A bound of time says nothing of the store unless it is for this machine. The best of five short
 * tries: what other processes take is not its speed.
 */
const measureSlowness = (): number => {
  const tries = Array.from({ length: 5 }, workMs);
  return Math.max(1, Math.min(...tries) / usualMs);
};

let known: number | undefined;

/** As `measureSlowness`, measured once in a process. */
export const machineSlowness = (): number => (known ??= measureSlowness());
