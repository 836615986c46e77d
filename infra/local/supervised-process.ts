import { errorFields, type Log } from '../../shared/telemetry/log.ts';
import { startReplica, type Replica, type ReplicaOptions } from './function-replica.ts';

export interface SupervisedProcess {
  /** Undefined while it is between two lives. */
  pid(): number | undefined;
  port(): number | undefined;
  restarts(): number;
  /** SIGTERM, then SIGKILL after `graceMs`; it is not started again. */
  stop(graceMs: number): Promise<void>;
}

const firstBackoffMs = 200;
const longestBackoffMs = 10_000;
/** A life this long ends the back-off. */
const steadyLifeMs = 10_000;

/**
 * A process that always runs (the connector), started again with exponential back-off whenever it ends. Resolves when its
 * `/_/ready` answered for the first time; rejects, with no process left, if the first start fails.
 */
export const superviseProcess = async (
  name: string,
  options: Omit<ReplicaOptions, 'signal'>,
  log: Log,
): Promise<SupervisedProcess> => {
  const closing = new AbortController();
  let current: Replica | undefined;
  let restarts = 0;
  let backoffMs = firstBackoffMs;
  let timer: NodeJS.Timeout | undefined;
  let starting: Promise<void> | undefined;

  const startAgainLater = (): void => {
    if (closing.signal.aborted) return;
    timer = setTimeout(() => {
      restarts += 1;
      starting = start().catch((error: unknown) => {
        log.error('process_not_started', { process: name, ...errorFields(error) });
        startAgainLater();
      });
    }, backoffMs);
    backoffMs = Math.min(longestBackoffMs, backoffMs * 2);
  };

  const start = async (): Promise<void> => {
    const replica = await startReplica({ ...options, signal: closing.signal });
    current = replica;
    const steady = setTimeout(() => (backoffMs = firstBackoffMs), steadyLifeMs);
    void replica.exited.then(({ code, signal }) => {
      clearTimeout(steady);
      current = undefined;
      if (closing.signal.aborted) return;
      log.warn('process_died', { process: name, pid: replica.pid, exit: signal ?? `code ${String(code)}` });
      startAgainLater();
    });
  };

  await start();
  return {
    pid: () => current?.pid,
    port: () => current?.port,
    restarts: () => restarts,
    stop: async (graceMs) => {
      closing.abort();
      clearTimeout(timer);
      await starting;
      await current?.stop(graceMs);
    },
  };
};
