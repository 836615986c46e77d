import { setTimeout as sleep } from 'node:timers/promises';

const pauseMs = 250;

/** Tries until it works, 15 s at most: faults of other targets may stand in the way, or what they hit is not back yet. */
export const insist = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries >= 60) throw error;
      await sleep(pauseMs);
    }
  }
};
