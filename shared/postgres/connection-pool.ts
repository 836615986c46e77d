import { RetryableError } from '../errors/sync-error.ts';

/** A connection as the pool sees it. */
export interface PooledConnection {
  /** Resolves when it is closed; harmless when repeated. */
  close(): Promise<void>;
  /** Told at most once, if the connection breaks by itself; at once if it is broken already. */
  onBroken(listener: (error: Error) => void): void;
}

export interface ConnectionPoolOptions<C> {
  /** Rejects if no connection can be had. */
  readonly open: () => Promise<C>;
  readonly max: number;
  /** For a connection of this pool that others hold. */
  readonly waitMs: number;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  readonly onError: (error: Error) => void;
}

/** A small pool. What is taken must be given back, once. */
export interface ConnectionPool<C> {
  /**
   * @throws what `open` throws; RetryableError `overloaded` if the others hold theirs for too long, `shutting_down` after
   *   `end`.
   */
  take(): Promise<C>;
  /**
   * Opens a first connection before anybody takes one; who comes meanwhile waits for it, and is told why if it fails.
   * @param prepare what is done with it first; resolves to whether it is usable. If not, who waits gets another one
   */
  warm(prepare?: (connection: C) => Promise<boolean>): void;
  /** @param isUsable if false the connection is closed, and the next one is a new one */
  giveBack(connection: C, isUsable: boolean): void;
  /** Closes every connection that was opened before: those that are taken, when they come back. */
  retire(): void;
  stats(): { readonly total: number; readonly idle: number; readonly waiting: number };
  /** Waits for what is taken; harmless when repeated. */
  end(): Promise<void>;
}

interface Member<C> {
  readonly connection: C;
  isRetired: boolean;
  idleTimer: NodeJS.Timeout | undefined;
  readonly lifeTimer: NodeJS.Timeout;
}

/** Who gets a connection that is opened. */
interface Taker<C> {
  readonly resolve: (connection: C) => void;
  readonly reject: (error: unknown) => void;
}

interface Waiter<C> extends Taker<C> {
  readonly timer: NodeJS.Timeout;
}

/**
 * Invariants:
 * - P1 never more than `max` connections are open or being opened;
 * - P2 a connection is with one taker at a time; one that is broken, retired or given back as unusable is never taken again;
 * - P3 waiting for a connection that others hold is no outage: it has a code of its own. If none can be opened and none is
 *   left, all who wait are told why at once: each of them would find the same;
 * - P4 who waits longest is served first.
 */
export const createConnectionPool = <C extends PooledConnection>(
  options: ConnectionPoolOptions<C>,
): ConnectionPool<C> => {
  const { max, waitMs, idleMs, lifetimeMs, onError } = options;
  const members = new Map<C, Member<C>>();
  /** The last one was used last: the others grow old and go. */
  const idle: C[] = [];
  const waiters: Waiter<C>[] = [];
  const closings = new Set<Promise<void>>();
  let opening = 0;
  /** Whether a connection is being opened or prepared that nobody has asked for: the first who waits gets it. */
  let warming = 0;
  let ending: Promise<void> | undefined;
  let onDrained: () => void = () => undefined;

  const remove = (connection: C): void => {
    const member = members.get(connection);
    if (member === undefined) return;
    members.delete(connection);
    clearTimeout(member.idleTimer);
    clearTimeout(member.lifeTimer);
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    const closing = connection.close().finally(() => closings.delete(closing));
    closings.add(closing);
  };

  const checkDrained = (): void => {
    if (ending !== undefined && members.size === 0 && opening === 0 && waiters.length === 0) onDrained();
  };

  const retireOne = (connection: C): void => {
    const member = members.get(connection);
    if (member === undefined) return;
    member.isRetired = true;
    if (idle.includes(connection)) remove(connection);
  };

  const add = (connection: C): void => {
    const lifeTimer = setTimeout(() => retireOne(connection), lifetimeMs).unref();
    members.set(connection, { connection, isRetired: false, idleTimer: undefined, lifeTimer });
    connection.onBroken((error) => {
      const wasIdle = idle.includes(connection);
      retireOne(connection);
      if (wasIdle) onError(error);
      serve();
    });
  };

  const openFor = (waiter: Taker<C>): void => {
    opening += 1;
    options
      .open()
      .then(
        (connection) => {
          opening -= 1;
          add(connection);
          waiter.resolve(connection);
        },
        (error: unknown) => {
          opening -= 1;
          waiter.reject(error);
          if (members.size > 0 || opening > 0) return;
          for (const other of waiters.splice(0)) {
            clearTimeout(other.timer);
            other.reject(error);
          }
        },
      )
      .finally(() => {
        serve();
        checkDrained();
      });
  };

  const takeIdle = (): C | undefined => {
    const connection = idle.pop();
    if (connection !== undefined) clearTimeout(members.get(connection)?.idleTimer);
    return connection;
  };

  /** Gives those who wait what is there. */
  const serve = (): void => {
    while (waiters.length > 0 && (idle.length > 0 || (members.size + opening < max && waiters.length > warming))) {
      const waiter = waiters.shift()!;
      clearTimeout(waiter.timer);
      const connection = takeIdle();
      if (connection === undefined) openFor(waiter);
      else waiter.resolve(connection);
    }
  };

  const wait = (): Promise<C> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiters.splice(waiters.indexOf(waiter), 1);
        const text = `all ${max} database connections of this process were busy for ${waitMs} ms (MAX_DB_CONNECTIONS)`;
        reject(new RetryableError('overloaded', text));
        checkDrained();
      }, waitMs);
      const waiter: Waiter<C> = { resolve, reject, timer };
      waiters.push(waiter);
      serve();
    });

  const giveBack = (connection: C, isUsable: boolean): void => {
    const member = members.get(connection);
    if (member !== undefined) {
      if (!isUsable || member.isRetired || (ending !== undefined && waiters.length === 0)) remove(connection);
      else {
        member.idleTimer = setTimeout(() => retireOne(connection), idleMs).unref();
        idle.push(connection);
      }
    }
    serve();
    checkDrained();
  };

  return {
    take: () =>
      ending === undefined
        ? wait()
        : Promise.reject(new RetryableError('shutting_down', 'the database pool has ended')),
    warm: (prepare) => {
      if (members.size + opening > 0 || ending !== undefined) return;
      warming = 1;
      openFor({
        resolve: (connection) => {
          const end = (isUsable: boolean): void => {
            warming = 0;
            giveBack(connection, isUsable);
          };
          if (prepare === undefined) end(true);
          else prepare(connection).then(end, () => end(false));
        },
        reject: () => {
          warming = 0;
        },
      });
    },
    giveBack,
    retire: () => {
      for (const connection of members.keys()) retireOne(connection);
    },
    stats: () => ({ total: members.size + opening, idle: idle.length, waiting: waiters.length }),
    end: () =>
      (ending ??= new Promise<void>((resolve) => {
        onDrained = resolve;
        while (idle.length > 0) remove(idle[0]!);
        queueMicrotask(checkDrained);
      }).then(async () => {
        await Promise.all(closings);
      })),
  };
};
