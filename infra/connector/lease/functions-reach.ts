import { errorFields, type Log } from '../../../shared/telemetry/log.ts';
import { pause, type Clock } from '../clock.ts';

export interface FunctionsReachOptions {
  /** Whether anything answers where the functions are called. Never rejects, and never takes longer than it is told. */
  readonly probe: (timeoutMs: number) => Promise<boolean>;
  /** Whether another connector could do better: alone there is nothing to find out. */
  readonly isNeeded: () => boolean;
  /** How often it is asked, and how long an answer may take (milliseconds). */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Whether this connector reaches what the functions are called through: a gateway, an ingress. */
export interface FunctionsReach {
  /** True until the opposite is known. */
  readonly isThere: boolean;
  start(): void;
  stop(): void;
}

/** One answer may come late, two in a row do not. */
const failuresUntilCutOff = 2;

/**
 * Asks again and again, while other connectors are there: who holds a lease and is cut off from the functions should pass it on (L10).
 * The functions themselves are not asked. They may sleep, and a request would wake them.
 */
export const createFunctionsReach = (options: FunctionsReachOptions): FunctionsReach => {
  const { probe, isNeeded, everyMs, clock, log } = options;
  let failures = 0;
  const stopped = new AbortController();
  const look = async (): Promise<void> => {
    const wasThere = failures < failuresUntilCutOff;
    failures = !isNeeded() || (await probe(everyMs)) ? 0 : failures + 1;
    const isThere = failures < failuresUntilCutOff;
    if (wasThere && !isThere) log.warn('functions_not_reached', { reason: 'nothing answers at their address' });
    if (!wasThere && isThere) log.info('functions_reached', {});
  };
  const keep = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const startedMs = clock.nowMs();
      await look().catch((error: unknown) => log.error('functions_reach', errorFields(error)));
      // A probe that took its whole time is asked again at once.
      await pause(clock, Math.max(1, everyMs - (clock.nowMs() - startedMs)));
    }
  };
  return {
    get isThere() {
      return failures < failuresUntilCutOff;
    },
    start: () => void keep(),
    stop: () => stopped.abort(),
  };
};
