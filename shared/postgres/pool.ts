import type { Client } from '@neondatabase/serverless';
import { createHash } from 'node:crypto';
import { ConfigError } from '../config/settings.ts';
import { RetryableError } from '../errors/sync-error.ts';
import { createConnectionPool, type PooledConnection } from './connection-pool.ts';
import { describeTarget, resolveTarget, type Environment, type ServerAddress } from './connection-target.ts';
import { connectionAfter, isUnanswered, noteServer, sqlStateOf } from './database-error.ts';
import type { DatabasePool, FreshSession, Queryable, QueryOptions, ResultRow } from './database.ts';
import { ConnectError, openConnection, type OpenConnection } from './open-connection.ts';
import { tableNames, type SchemaOptions } from './table-names.ts';

export interface PoolOptions extends SchemaOptions {
  /** Connections at most: one for each statement at once, so 2 to 4. More writers only share the server's cores. */
  readonly max?: number;
  /** Time for a new connection, over all hosts of the list; default 5 s. A `connect_timeout` of the string stands for it. */
  readonly connectTimeoutMs?: number;
  /** The most that `connect_timeout` may ask for; default: as long as it says. */
  readonly maxConnectTimeoutMs?: number;
  /** Time to wait while the others hold all connections of this pool; default 15 s. */
  readonly waitTimeoutMs?: number;
  /** Time for one statement, seen from here; above the role's `statement_timeout`. */
  readonly queryTimeoutMs?: number;
  /** An idle connection is closed after this time, so that a serverless database can sleep. */
  readonly idleTimeoutMs?: number;
  /** A connection is replaced after this time, so that a failover or a changed address is noticed. */
  readonly maxLifetimeMs?: number;
  readonly applicationName?: string;
  /** Default true: plans of frequent statements are kept on their connection, where the server or pooler allows that. */
  readonly keepPlans?: boolean;
  /** libpq's environment variables, for what the string leaves open; default: none. */
  readonly env?: Environment;
  /** The connection string as it is now, asked when the server refuses user or password: a mounted secret changes. */
  readonly reread?: () => string;
  /** Told at once of what the string asks for and cannot be honoured to the letter. */
  readonly onNote?: (note: string) => void;
  /** Told of connections that broke outside a statement; the pool has replaced them already. */
  readonly onError?: (error: Error) => void;
}

/**
 * The one database client: the driver's WebSocket to Neon hosts, TCP, TLS or a Unix socket to any other.
 *
 * Statements are parameterised, so everything works through a pooler in transaction mode. Frequent ones are named, which
 * saves planning them each time (half of the server's time for 1 row, a third for 10); where the server's side does not
 * keep a name, it says so before it runs anything, and the pool goes on without names. Nothing connects before `warm` or the
 * first statement.
 *
 * A connection whose server stops, or turns read-only, is not used again, and neither is any other that was opened before.
 *
 * @param connectionString a URI or keywords and values, as libpq takes them
 * @throws ConfigError that names every parameter at fault.
 */
export const createPool = (connectionString: string, options: PoolOptions = {}): DatabasePool => {
  const pool = createConnectionPool<PooledClient>({
    open: connector(connectionString, options),
    max: options.max ?? 2,
    waitMs: options.waitTimeoutMs ?? 15_000,
    idleMs: options.idleTimeoutMs ?? 30_000,
    lifetimeMs: options.maxLifetimeMs ?? 1_800_000,
    onError: options.onError ?? (() => undefined),
  });

  const withConnection = async <T>(work: (client: Client) => Promise<T>): Promise<T> => {
    const connection = await pool.take();
    let isUsable = false;
    try {
      const result = await work(connection.client);
      isUsable = true;
      return result;
    } catch (error) {
      const after = connectionAfter(error);
      if (after === 'drop-all') pool.retire();
      isUsable = after === 'keep';
      noteServer(error, connection.label);
      // Nobody waits for the answer any more: a server that goes on (waiting for a lock, say) would hold a session for each try.
      if (isUnanswered(error)) connection.cancel();
      throw error;
    } finally {
      pool.giveBack(connection, isUsable);
    }
  };
  /** A statement that a server refuses because it is read-only has done nothing: another one may have taken its address. */
  const withWriter = async <T>(work: (client: Client) => Promise<T>): Promise<T> => {
    try {
      return await withConnection(work);
    } catch (error) {
      if (sqlStateOf(error) !== '25006') throw error;
      return withConnection(work);
    }
  };
  const on = (client: Client): Queryable => ({
    query: async <R extends ResultRow>(text: string, values: readonly unknown[] = []) =>
      (await client.query<R>(text, values as unknown[])).rows,
  });

  const freshSession = (client: Client): FreshSession => ({
    query: async <R extends ResultRow>(
      text: string,
      values: readonly unknown[] = [],
      { keepPlan = false }: QueryOptions = {},
    ) => {
      const config = { text, values: values as unknown[] };
      if (!keepPlan || !keepsPlans) return (await client.query<R>(config)).rows;
      try {
        return (await client.query<R>({ ...config, name: nameOf(text) })).rows;
      } catch (error) {
        keepsPlans &&= !refusesPlan(error);
        throw error;
      }
    },
    queryTogether: async (texts) => {
      // Without parameters the driver sends the text as it is: the server takes several statements then.
      const results: unknown = await client.query(texts.join(';\n'));
      return (Array.isArray(results) ? (results as readonly RowsOf[]) : [results as RowsOf]).map(({ rows }) => rows);
    },
  });

  const names = new Map<string, string>();
  let keepsPlans = options.keepPlans ?? true;
  const nameOf = (text: string): string => {
    const name = names.get(text) ?? statementName(text);
    names.set(text, name);
    return name;
  };
  const queryPlanned = async <R extends ResultRow>(text: string, values: readonly unknown[]): Promise<readonly R[]> => {
    const config = { name: nameOf(text), text, values: values as unknown[] };
    try {
      return (await withWriter((client) => client.query<R>(config))).rows;
    } catch (error) {
      if (!refusesPlan(error)) throw error;
      keepsPlans = false;
      return withWriter((client) => on(client).query<R>(text, values));
    }
  };

  return {
    address: describeTarget(resolveTarget(connectionString, options.env)),
    tables: tableNames(options),
    query: (text, values = [], { keepPlan = false } = {}) =>
      keepPlan && keepsPlans ? queryPlanned(text, values) : withWriter((client) => on(client).query(text, values)),
    transaction: (work) =>
      withConnection(async (client) => {
        await client.query('begin');
        try {
          const result = await work(on(client));
          // The server answers a commit after a failed statement with a rollback, and without an error.
          const { command } = await client.query('commit');
          if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`);
          return result;
        } catch (error) {
          // A broken connection is closed, which rolls back too.
          if (connectionAfter(error) === 'keep') await client.query('rollback');
          throw error;
        }
      }),
    warm: (prepare) => {
      if (prepare === undefined) return pool.warm();
      pool.warm(async ({ client }) => {
        try {
          await prepare(freshSession(client));
          return true;
        } catch (error) {
          // Whoever asks first finds the same, and is told.
          return connectionAfter(error) === 'keep';
        }
      });
    },
    stats: () => pool.stats(),
    end: () => pool.end(),
  };
};

interface RowsOf {
  readonly rows: readonly ResultRow[];
}

/** One of the pool's connections. */
class PooledClient implements PooledConnection {
  readonly client: Client;
  readonly label: string;
  #error: Error | undefined;
  #listener: ((error: Error) => void) | undefined;
  #closed: Promise<void> | undefined;
  #told: Promise<void> | undefined;
  readonly #cancel: OpenConnection['cancel'];
  readonly #ended: Promise<void>;

  constructor({ client, label, cancel }: OpenConnection) {
    this.client = client;
    this.label = label;
    this.#cancel = cancel;
    this.#ended = new Promise((resolve) => client.once('end', () => resolve()));
    client.on('error', (error: Error) => {
      if (this.#error !== undefined) return;
      this.#error = error;
      this.#listener?.(error);
    });
  }

  /** To be called before the connection is given back as unusable: it closes once the server has been told. */
  cancel(): void {
    this.#told = this.#cancel?.();
  }

  onBroken(listener: (error: Error) => void): void {
    this.#listener = listener;
    if (this.#error !== undefined) listener(this.#error);
  }

  close(): Promise<void> {
    this.#closed ??= (this.#told ?? Promise.resolve()).then(() => {
      // The driver's own promise never settles if the connection has ended before.
      this.client.end().catch(() => undefined);
      return this.#ended;
    });
    return this.#closed;
  }
}

/** Opens connections; where the login is refused, once more with the connection string as it is by then. */
const connector = (connectionString: string, options: PoolOptions): (() => Promise<PooledClient>) => {
  let text = connectionString;
  let target = resolveTarget(text, options.env);
  for (const note of target.notes) options.onNote?.(note);
  let first: ServerAddress | undefined;
  const connectTimeoutMs = options.connectTimeoutMs ?? 5_000;
  const open = async (): Promise<PooledClient> => {
    const connection = await openConnection(target, {
      applicationName: options.applicationName ?? 'state-sync-store',
      connectTimeoutMs,
      maxConnectTimeoutMs: options.maxConnectTimeoutMs ?? Number.POSITIVE_INFINITY,
      queryTimeoutMs: options.queryTimeoutMs ?? 35_000,
      first,
      random: Math.random,
    });
    first = connection.server;
    return new PooledClient(connection);
  };
  return async () => {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof ConnectError) || !error.isRefusedLogin) throw error;
      let now: string;
      try {
        now = options.reread?.() ?? text;
        if (now === text) throw error;
        target = resolveTarget(now, options.env);
      } catch (fault) {
        // It was right when the process started; what is there now may be half written.
        if (!(fault instanceof ConfigError)) throw fault;
        throw new RetryableError('database_misconfigured', fault.message, { cause: error });
      }
      text = now;
      first = undefined;
      return open();
    }
  };
};

/** The name of a statement is that of its text, so a pooler that mixes up connections finds the same statement or none. */
const statementName = (text: string): string => `s_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;

/**
 * What a pooler without support for prepared statements answers (26000, 42P05), and a server whose tables were altered
 * (0A000): each comes before anything of the statement has run.
 */
const refusesPlan = (error: unknown): boolean =>
  ['26000', '42P05', '0A000'].includes(String((error as { readonly code?: unknown }).code));
