import { Client, Pool, type PoolClient, type WebSocketConstructor } from '@neondatabase/serverless';
import { parseConnectionUrl, type ConnectionTarget } from './connection-url.ts';
import type { DatabasePool, Queryable, ResultRow } from './database.ts';
import { answerScram } from './scram.ts';
import { tableNames, type SchemaOptions } from './table-names.ts';
import { createTcpSocketClass } from './tcp-socket.ts';

export interface PoolOptions extends SchemaOptions {
  /** Connections at most; 2 to 4 is right (postgres.md 3). */
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
  /** Told of connections that broke outside a statement; the pool has replaced them already. */
  readonly onError?: (error: Error) => void;
}

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

/**
 * The one database client: the driver's WebSocket to Neon hosts, TCP or TLS to any other host.
 *
 * Statements are parameterised and unnamed, so everything works through a pooler in transaction mode. Nothing connects
 * before the first statement.
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

  return {
    tables: tableNames(options),
    query: (text, values) => withConnection((client) => on(client).query(text, values)),
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
