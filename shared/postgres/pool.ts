import { Client, Pool, type PoolClient, type WebSocketConstructor } from '@neondatabase/serverless';
import { createHash } from 'node:crypto';
import { parseConnectionUrl, type ConnectionTarget } from './connection-url.ts';
import type { DatabasePool, Queryable, ResultRow } from './database.ts';
import { answerScram } from './scram.ts';
import { tableNames, type SchemaOptions } from './table-names.ts';
import { createTcpSocketClass } from './tcp-socket.ts';

export interface PoolOptions extends SchemaOptions {
  /** Connections at most: one for each statement at once, so 2 to 4. More writers only share the server's cores. */
  readonly max?: number;
  /** Time to get a connection, new or from the pool. */
  readonly connectTimeoutMs?: number;
  /** Time for one statement, seen from here; above the role's `statement_timeout`. */
  readonly queryTimeoutMs?: number;
  /** An idle connection is closed after this time, so that a serverless database can sleep. */
  readonly idleTimeoutMs?: number;
  /** A connection is replaced after this time, so that a failover or a changed address is noticed. */
  readonly maxLifetimeMs?: number;
  readonly applicationName?: string;
  /** Default true: plans of frequent statements are kept on their connection, where the server or pooler allows that. */
  readonly keepPlans?: boolean;
  /** Told of connections that broke outside a statement; the pool has replaced them already. */
  readonly onError?: (error: Error) => void;
}

/**
 * The one database client: the driver's WebSocket to Neon hosts, TCP or TLS to any other host.
 *
 * Statements are parameterised, so everything works through a pooler in transaction mode. Frequent ones are named, which
 * saves planning them each time (half of the server's time for 1 row, a third for 10); where the server's side does not
 * keep a name, it says so before it runs anything, and the pool goes on without names. Nothing connects before the first
 * statement.
 *
 * @throws RetryableError `database_misconfigured` where the URL asks for what cannot be honoured.
 */
export const createPool = (databaseUrl: string, options: PoolOptions = {}): DatabasePool => {
  const pool = openPool(parseConnectionUrl(databaseUrl), options);
  let ended: Promise<void> | undefined;

  const withConnection = async <T>(work: (client: PoolClient) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      client.release(!keepsConnection(error));
      throw error;
    }
  };
  const on = (client: PoolClient): Queryable => ({
    query: async <R extends ResultRow>(text: string, values: readonly unknown[] = []) =>
      (await client.query<R>(text, values as unknown[])).rows,
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
      return (await withConnection((client) => client.query<R>(config))).rows;
    } catch (error) {
      if (!refusesPlan(error)) throw error;
      keepsPlans = false;
      return withConnection((client) => on(client).query<R>(text, values));
    }
  };

  return {
    tables: tableNames(options),
    query: (text, values = [], { keepPlan = false } = {}) =>
      keepPlan && keepsPlans ? queryPlanned(text, values) : withConnection((client) => on(client).query(text, values)),
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
          if (keepsConnection(error)) await client.query('rollback');
          throw error;
        }
      }),
    stats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    end: () => (ended ??= pool.end()),
  };
};

const openPool = (target: ConnectionTarget, options: PoolOptions): Pool => {
  const pool = new Pool({
    connectionString: target.connectionString,
    max: options.max ?? 2,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    idleTimeoutMillis: options.idleTimeoutMs ?? 30_000,
    maxLifetimeSeconds: Math.ceil((options.maxLifetimeMs ?? 1_800_000) / 1_000),
    query_timeout: options.queryTimeoutMs ?? 35_000,
    application_name: options.applicationName ?? 'state-sync-store',
  });
  if (target.transport === 'tcp') pool.Client = createTcpClientClass(createTcpSocketClass(target.tls));
  const onError = options.onError ?? (() => undefined);
  pool.on('error', onError);
  // A connection that breaks while it is checked out emits too, and an `error` event without a listener ends the process.
  pool.on('connect', (client: PoolClient) => client.on('error', onError));
  return pool;
};

/** The driver's internals that the SCRAM step needs; where they change, its own slow step still works. */
interface ScramInternals {
  readonly saslSession: { readonly clientNonce: string };
  readonly password: unknown;
  readonly connection: {
    sendSCRAMClientFinalMessage(response: string): void;
    emit(event: 'error', error: unknown): void;
  };
}

const createTcpClientClass = (socketClass: WebSocketConstructor): typeof Client =>
  class TcpClient extends Client {
    constructor(...config: ConstructorParameters<typeof Client>) {
      super(...config);
      Object.assign(this.neonConfig, {
        webSocketConstructor: socketClass,
        wsProxy: (host: string, port: number | string) => `${host.includes(':') ? `[${host}]` : host}:${port}`,
        useSecureWebSocket: false,
        forceDisablePgSSL: true, // TLS is the socket's work
        pipelineConnect: false, // the default sends the password in clear before any server reply
        coalesceWrites: false, // the default adds more than 1 ms to every query
      });
    }

    /** The driver's own step makes thousands of WebCrypto calls (300 ms); it still checks the server's signature. */
    override async _handleAuthSASLContinue(message: { readonly data: string }): Promise<void> {
      const self = this as unknown as ScramInternals;
      try {
        const reply = await answerScram(String(self.password), self.saslSession.clientNonce, message.data);
        Object.assign(self.saslSession, { message: 'SASLResponse', ...reply });
        self.connection.sendSCRAMClientFinalMessage(reply.response);
      } catch (error) {
        self.connection.emit('error', error);
      }
    }
  };

/** An error of the server about one statement leaves the connection usable; anything else does not. */
const keepsConnection = (error: unknown): boolean => {
  const { code, severity } = error as { readonly code?: unknown; readonly severity?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && severity === 'ERROR';
};

/** The name of a statement is that of its text, so a pooler that mixes up connections finds the same statement or none. */
const statementName = (text: string): string => `s_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;

/**
 * What a pooler without support for prepared statements answers (26000, 42P05), and a server whose tables were altered
 * (0A000): each comes before anything of the statement has run.
 */
const refusesPlan = (error: unknown): boolean =>
  ['26000', '42P05', '0A000'].includes(String((error as { readonly code?: unknown }).code));
