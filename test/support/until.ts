import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than anything takes on a busy machine: a limit for what never comes, not a measure of how soon it comes. */
const patienceMs = 40_000;

/** Waits until the condition holds; fails with what was waited for, and with what `context` says then. */
export const until = async (
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: { readonly timeoutMs?: number; readonly context?: () => string } = {},
): Promise<void> => {
  const deadlineMs = Date.now() + (options.timeoutMs ?? patienceMs);
  let cause: unknown;
  // A look that fails (a server that starts again) is a look that saw nothing yet.
  const holds = async (): Promise<boolean> => {
    try {
      return await condition();
    } catch (error) {
      cause = error;
      return false;
    }
  };
  while (!(await holds())) {
    if (Date.now() > deadlineMs) throw new Error(`waited in vain for: ${what} ${options.context?.() ?? ''}`, { cause });
    await sleep(15);
  }
};
