import { errorFields, type Log } from '../../shared/telemetry/log.ts';
import type { ProcessRegister } from './child-process.ts';
import { startReplica, type Replica } from './function-replica.ts';

export interface FunctionSpec {
  readonly name: string;
  /** The bundle, run as `node <entry>`. */
  readonly entry: string;
  /** Processes while it is awake; default 1. */
  readonly replicas?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface PoolOptions {
  readonly nodePath: string;
  readonly env: NodeJS.ProcessEnv;
  readonly idleMs: number;
  readonly startTimeoutMs: number;
  /** How long a process that has ended still counts as an endpoint and gets calls, which it refuses. */
  readonly endpointLagMs: number;
  /** How long a process may drain after SIGTERM before SIGKILL. */
  readonly graceMs: number;
  readonly log: Log;
  readonly onLine: (name: string, line: string) => void;
  readonly nowMs: () => number;
  readonly register?: ProcessRegister;
}

export interface FunctionStatus {
  readonly name: string;
  readonly replicas: number;
  readonly availableReplicas: number;
  readonly invocationCount: number;
  readonly inFlight: number;
  readonly coldStarts: number;
  readonly restarts: number;
  readonly pids: readonly number[];
}

/** The function cannot be called now; `retryAfterMs` says when to try again. */
export class FunctionUnavailableError extends Error {
  override readonly name = 'FunctionUnavailableError';
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

export interface Lease {
  readonly replica: Replica;
  release(): void;
  /** Its port is closed: it gets no more calls, and another one is started in its place. */
  readonly refused: () => void;
}

export interface FunctionPool {
  /** A process to call, started if need be; rejects with {@link FunctionUnavailableError}. */
  acquire(): Promise<Lease>;
  status(): FunctionStatus;
  close(): Promise<void>;
}

/** A process that lives shorter than this has failed to start in effect: it is not started again at once. */
const minimumLifeMs = 1_000;
const firstBackoffMs = 100;
const longestBackoffMs = 5_000;
const retryAfterStartFailureMs = 1_000;

/** The processes of one function: none while it is idle, `replicas` from the first call on, a new one for each that dies. */
export const createFunctionPool = (spec: FunctionSpec, options: PoolOptions): FunctionPool => {
  const target = Math.max(1, spec.replicas ?? 1);
  const closing = new AbortController();
  /** The endpoints: processes that are called, those that have ended a moment ago (`gone`) among them. */
  const ready: Replica[] = [];
  const gone = new Set<Replica>();
  const starting = new Set<Promise<Replica>>();
  const stopping = new Set<Promise<void>>();
  const counts = { invocations: 0, coldStarts: 0, restarts: 0 };
  let awake = false;
  let waiting = 0;
  let turn = 0;
  let failures = 0;
  let startAgainAtMs = 0;
  let idleTimer: NodeJS.Timeout | undefined;
  let restartTimer: NodeJS.Timeout | undefined;

  const alive = (): number => ready.length - gone.size;

  const noteFailure = (): void => {
    startAgainAtMs = options.nowMs() + Math.min(longestBackoffMs, firstBackoffMs * 2 ** failures);
    failures += 1;
  };

  const stopReplica = (replica: Replica): void => {
    const stopped = replica.stop(options.graceMs).finally(() => stopping.delete(stopped));
    stopping.add(stopped);
  };

  const onExit = (replica: Replica, readyAtMs: number, how: string): void => {
    replica.agent.destroy();
    const index = ready.indexOf(replica);
    if (index === -1) return; // it was asked to stop
    if (options.endpointLagMs > 0) lingerAsEndpoint(replica);
    else ready.splice(index, 1);
    if (options.nowMs() - readyAtMs < minimumLifeMs) noteFailure();
    else failures = 0;
    options.log.warn('function_process_died', { function: spec.name, pid: replica.pid, exit: how });
    if (!awake || closing.signal.aborted) return;
    counts.restarts += 1;
    startAgain();
  };

  const lingerAsEndpoint = (replica: Replica): void => {
    gone.add(replica);
    const remove = (): void => {
      gone.delete(replica);
      const index = ready.indexOf(replica);
      if (index !== -1) ready.splice(index, 1);
    };
    setTimeout(remove, options.endpointLagMs).unref();
  };

  /** A process that was told to end closes its port first: a cluster takes it off its list then. */
  const onRefused = (replica: Replica): void => {
    const index = ready.indexOf(replica);
    if (index === -1 || gone.has(replica)) return;
    ready.splice(index, 1);
    stopReplica(replica);
    startMissing();
  };

  const startOne = async (): Promise<Replica> => {
    const startedAtMs = options.nowMs();
    const replica = await startReplica({
      nodePath: options.nodePath,
      entry: spec.entry,
      env: { ...options.env, ...spec.env },
      startTimeoutMs: options.startTimeoutMs,
      onLine: (line) => {
        options.onLine(spec.name, line);
      },
      ...(options.register === undefined ? {} : { register: options.register }),
      signal: closing.signal,
    });
    if (!awake || closing.signal.aborted) {
      stopReplica(replica);
      throw new Error('no longer needed');
    }
    const readyAtMs = options.nowMs();
    ready.push(replica);
    void replica.exited.then(({ code, signal }) => {
      onExit(replica, readyAtMs, signal ?? `code ${String(code)}`);
    });
    options.log.debug('function_process_ready', {
      function: spec.name,
      pid: replica.pid,
      startMs: Math.round(readyAtMs - startedAtMs),
    });
    return replica;
  };

  const startMissing = (): void => {
    if (closing.signal.aborted || !awake || options.nowMs() < startAgainAtMs) return;
    for (let running = alive() + starting.size; running < target; running += 1) {
      const start = startOne();
      starting.add(start);
      start
        .catch((error: unknown) => {
          if (closing.signal.aborted || !awake) return;
          noteFailure();
          options.log.error('function_process_not_started', { function: spec.name, ...errorFields(error) });
        })
        .finally(() => starting.delete(start));
    }
  };

  /** The clock and the timers do not tick together: one that fires early by the clock waits for the rest. */
  const startAgain = (): void => {
    clearTimeout(restartTimer);
    const leftMs = startAgainAtMs - options.nowMs();
    if (leftMs <= 0) startMissing();
    else restartTimer = setTimeout(startAgain, leftMs);
  };

  const sleepNow = (): void => {
    awake = false;
    clearTimeout(idleTimer);
    clearTimeout(restartTimer);
    gone.clear();
    for (const replica of ready.splice(0)) stopReplica(replica);
  };

  const inFlight = (): number => ready.reduce((sum, replica) => sum + replica.inFlight, 0);

  const armIdleTimer = (): void => {
    clearTimeout(idleTimer);
    if (awake && waiting === 0 && inFlight() === 0) idleTimer = setTimeout(sleepNow, options.idleMs);
  };

  /** The process with the fewest calls in flight; the next one in turn among equals. */
  const leastLoaded = (): Replica | undefined => {
    turn += 1;
    let best: Replica | undefined;
    for (let offset = 0; offset < ready.length; offset += 1) {
      const candidate = ready[(turn + offset) % ready.length];
      if (candidate !== undefined && (best === undefined || candidate.inFlight < best.inFlight)) best = candidate;
    }
    return best;
  };

  const firstStarted = async (): Promise<void> => {
    if (starting.size === 0) {
      throw new FunctionUnavailableError(`${spec.name} cannot start`, Math.max(1, startAgainAtMs - options.nowMs()));
    }
    try {
      await Promise.any(starting);
    } catch (error) {
      const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new FunctionUnavailableError(`${spec.name} cannot start: ${reason}`, retryAfterStartFailureMs, { cause });
    }
  };

  const acquire = async (): Promise<Lease> => {
    if (closing.signal.aborted) throw new FunctionUnavailableError('the host is closing', retryAfterStartFailureMs);
    clearTimeout(idleTimer);
    counts.invocations += 1;
    if (!awake) {
      awake = true;
      counts.coldStarts += 1;
    }
    waiting += 1;
    try {
      startMissing();
      let replica = leastLoaded();
      while (replica === undefined) {
        await firstStarted();
        replica = leastLoaded();
      }
      replica.inFlight += 1;
      const leased = replica;
      let released = false;
      return {
        replica: leased,
        refused: () => onRefused(leased),
        release: () => {
          if (released) return;
          released = true;
          leased.inFlight -= 1;
          armIdleTimer();
        },
      };
    } finally {
      waiting -= 1;
      armIdleTimer();
    }
  };

  return {
    acquire,
    status: () => ({
      name: spec.name,
      replicas: alive() + starting.size,
      availableReplicas: alive(),
      invocationCount: counts.invocations,
      inFlight: inFlight(),
      coldStarts: counts.coldStarts,
      restarts: counts.restarts,
      pids: ready.filter((replica) => !gone.has(replica)).map((replica) => replica.pid),
    }),
    close: async () => {
      closing.abort();
      sleepNow();
      await Promise.allSettled(starting);
      await Promise.allSettled(stopping);
    },
  };
};
