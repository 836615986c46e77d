/**
 * The work's result, or what `late` gives (or throws) if the work takes longer than `limitMs`. The work itself goes on;
 * its later result or error is dropped. No timer is left behind.
 */
export const within = async <T, L>(limitMs: number, work: Promise<T>, late: () => L): Promise<T | L> => {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<L>((resolve, reject) => {
    timer = setTimeout(() => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    }, limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
};
