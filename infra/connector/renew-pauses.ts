import type { Pause } from '../../shared/message/pause.ts';
import type { Clock } from './clock.ts';

export interface PauseRenewer {
  stop(): void;
}

/** A route that comes to a paused state waits with it after this time. */
const renewMs = 5_000;

/**
 * While a state is paused, has its pause renewed again and again: only `manage` can read which routes lead to the state by now.
 * While none is paused it asks nobody and wakes nobody.
 */
export const renewPauses = (options: {
  readonly clock: Pick<Clock, 'after'>;
  readonly pauses: () => readonly Pause[];
  /** Has the routes read anew. Never rejects. */
  readonly ask: () => Promise<unknown>;
}): PauseRenewer => {
  let isStopped = false;
  let cancel = (): void => undefined;
  const later = (): void => {
    cancel = options.clock.after(renewMs, () => {
      const isNeeded = options.pauses().some(({ kind }) => kind === 'state');
      void (isNeeded ? options.ask() : Promise.resolve()).finally(() => {
        if (!isStopped) later();
      });
    });
  };
  later();
  return {
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
};
