import { isOver, nextPauseEndMs, type Pause } from '../../shared/message/pause.ts';
import type { NatsConnection } from '../../shared/nats/connect.ts';
import { readPauses, watchPauses } from '../../shared/nats/pause-bucket.ts';
import { errorFields, type Log } from '../../shared/telemetry/log.ts';
import { pause as wait, type Clock } from './clock.ts';

export interface PauseKeeper {
  /** When it is known what is paused, or that nobody can tell: before then nothing may be sent. */
  readonly known: Promise<void>;
  stop(): void;
}

/**
 * Keeps the pauses of operators in force: tells them when they are known, when one changes, and when one ends by its own time.
 * A user who may not read them works without any, which is logged.
 */
export const keepPauses = (options: {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  readonly log: Log;
  readonly onPauses: (pauses: readonly Pause[]) => void;
}): PauseKeeper => {
  let tellKnown: () => void = () => undefined;
  const known = new Promise<void>((resolve) => (tellKnown = resolve));
  const keeping: Keeping = {
    ...options,
    tellKnown,
    isStopped: false,
    told: '',
    cancelEnd: () => undefined,
    wake: () => undefined,
  };
  void keep(keeping);
  return {
    known,
    stop: () => {
      keeping.isStopped = true;
      keeping.cancelEnd();
      keeping.wake();
    },
  };
};

interface Keeping {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  readonly log: Log;
  readonly onPauses: (pauses: readonly Pause[]) => void;
  readonly tellKnown: () => void;
  isStopped: boolean;
  /** What the log was last told. */
  told: string;
  /** Calls off the timer of the next end. */
  cancelEnd: () => void;
  /** Ends the wait for a change. */
  wake: () => void;
}

/** A change that is not heard of is found within this time. */
const rereadMs = 60_000;
const longestTimerMs = 3_600_000;

const keep = async (keeping: Keeping): Promise<void> => {
  const { connection, clock, log } = keeping;
  let delayMs = 250;
  let isWatching = false;
  while (!keeping.isStopped) {
    try {
      if (!isWatching) {
        const { ended } = await watchPauses(connection, () => keeping.wake());
        isWatching = true;
        void ended
          .catch((error: unknown) => log.warn('pauses_not_heard', errorFields(error)))
          .then(() => (isWatching = false));
      }
      const changed = nextChange(keeping);
      apply(keeping, await readPauses(connection));
      keeping.tellKnown();
      delayMs = 250;
      await changed;
    } catch (error) {
      if (isRefused(error)) {
        log.warn('pauses_off', { reason: 'this user may not read what is paused: nothing is', ...errorFields(error) });
        keeping.tellKnown();
        return;
      }
      log.warn('pauses_unknown', errorFields(error));
      await wait(clock, delayMs);
      delayMs = Math.min(delayMs * 2, 5_000);
    }
  }
};

const nextChange = (keeping: Keeping): Promise<void> =>
  new Promise((resolve) => {
    const cancel = keeping.clock.after(rereadMs, resolve);
    keeping.wake = () => {
      cancel();
      resolve();
    };
  });

const apply = (keeping: Keeping, pauses: readonly Pause[]): void => {
  const { clock } = keeping;
  keeping.cancelEnd();
  if (keeping.isStopped) return;
  const nowMs = clock.epochMs();
  const inForce = pauses.filter((pause) => !isOver(pause, nowMs));
  keeping.onPauses(inForce);
  const names = inForce
    .map(({ kind, id }) => `${kind} ${id}`)
    .toSorted()
    .join(', ');
  // A renewed pause has the same name and holds the routes that came since.
  const keys = inForce.reduce((sum, pause) => sum + pause.keys.length, 0);
  const told = names === '' ? '' : `${names}: ${keys}`;
  if (told !== keeping.told) keeping.log.info('pauses_changed', { paused: names, keys });
  keeping.told = told;
  const endMs = nextPauseEndMs(pauses, nowMs);
  if (endMs === undefined) return;
  keeping.cancelEnd = clock.after(Math.min(longestTimerMs, Math.max(1, endMs - nowMs)), () => apply(keeping, pauses));
};

/** A right that is missing, or an account without room: not mended by waiting. */
const isRefused = (error: unknown): boolean => {
  const { code, api_error: api } = (error ?? {}) as { readonly code?: unknown; readonly api_error?: { code?: number } };
  return code === 'PERMISSIONS_VIOLATION' || (api?.code !== undefined && api.code < 500);
};
