import { setTimeout as sleep } from 'node:timers/promises';

const firstPauseMs = 200;
const longestPauseMs = 10_000;

/**
 * Starts a server again that ended by itself, until that works, and says both.
 * @returns to be called with why it ended; calls while it is being started are for the same end
 */
export const keepRunning = (
  name: string,
  restart: () => Promise<void>,
  options: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): ((why: string) => void) => {
  const { say, signal } = options;
  let isStarting = false;
  const startAgain = async (): Promise<void> => {
    for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await restart();
        say(`✓ ${name} runs again`);
        return;
      } catch (error) {
        say(`✗ ${name} does not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  return (why) => {
    if (isStarting || signal.aborted) return;
    isStarting = true;
    say(`! ${name} has ended (${why}): it is started again`);
    void startAgain().finally(() => (isStarting = false));
  };
};
