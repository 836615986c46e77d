/** Calls back once after the delay, on whatever clock it stands for; returns how to call it off. */
export type After = (delayMs: number, callback: () => void) => () => void;

/**
 * The work's result, or what `late` gives (or throws) if the work takes longer than `limitMs`. The work itself goes on;
 * its later result or error is dropped. No timer is left behind.
 * @param after the clock that measures the limit, if it is not the machine's
 */
export const within = async <T, L>(
  limitMs: number,
  work: Promise<T>,
  late: () => L,
  after: After = machineAfter,
): Promise<T | L> => {
  let cancel = (): void => undefined;
  const limit = new Promise<L>((resolve, reject) => {
    cancel = after(limitMs, () => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    });
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    cancel();
  }
};

const machineAfter: After = (delayMs, callback) => {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
};
