import type { Clock } from '../clock.ts';
import type { DeliveryHistory } from './delivery-history.ts';

export interface KeepHistoryOptions {
  readonly history: DeliveryHistory;
  readonly clock: Pick<Clock, 'after' | 'epochMs'>;
  /** How many messages wait; asked only while there is work. */
  readonly readWaiting: () => Promise<number>;
  /** Has the minutes written down; resolves to whether they were. Never rejects. */
  readonly send: () => Promise<boolean>;
}

export interface HistoryKeeper {
  /** Has what is left written down. */
  end(): Promise<void>;
}

/**
 * Looks once a minute how much waits, and has the minutes written down before they are forgotten. While there is no work it asks
 * nobody and wakes nobody.
 */
export const keepHistory = (options: KeepHistoryOptions): HistoryKeeper => {
  const { history, clock, readWaiting, send } = options;
  /** Minutes before this are written down. */
  let sentMs = 0;
  let isEnding = false;
  let cancel = (): void => undefined;

  const sendIfDue = async (dueMs: number): Promise<void> => {
    const [first] = history.minutes(sentMs);
    if (first === undefined || clock.epochMs() - first.minuteMs < dueMs) return;
    const untilMs = (history.minutes(sentMs).at(-1) ?? first).minuteMs + 1;
    if (await send()) sentMs = untilMs;
  };

  const look = async (): Promise<void> => {
    if (history.isActive()) history.noteWaiting(await readWaiting());
    await sendIfDue(longestUnsentMs);
  };

  const later = (): void => {
    cancel = clock.after(lookMs, () => {
      void look().finally(() => {
        if (!isEnding) later();
      });
    });
  };
  later();

  return {
    end: async () => {
      isEnding = true;
      cancel();
      history.close();
      await sendIfDue(0);
    },
  };
};

const lookMs = 60_000;
/** A quarter of what is remembered: three tries may fail before something is lost. */
const longestUnsentMs = 1_800_000;
