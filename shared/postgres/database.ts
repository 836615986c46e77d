import type { TableNames } from './table-names.ts';

/** A result row: text for bigint and numeric, numbers for int4 and float8, as the driver parses them. */
export type ResultRow = object;

/** Something that runs one parameterised statement: the pool, or the connection of a transaction. */
export interface Queryable {
  /** The rows; errors are the driver's (`databaseError` turns them into ours). */
  query<R extends ResultRow>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<readonly R[]>;
}

export interface QueryOptions {
  /**
   * The statement runs often: outside a transaction its plan may be kept on the connection. Its text must be one of few, as
   * every text takes a name at the server.
   */
  readonly keepPlan?: boolean;
}

/** A session that nobody has used. The server reads what it needs to know of a table when the session first names it. */
export interface FreshSession extends Queryable {
  /** Statements without parameters, in one round trip; the rows of each. */
  queryTogether(texts: readonly string[]): Promise<readonly (readonly ResultRow[])[]>;
}

/** A small pool of connections that works through a transaction pooler: no session state is kept between calls. */
export interface DatabasePool extends Queryable {
  /** `host:port/database`, for people. */
  readonly address: string;
  /** Where the tables are, as SQL. */
  readonly tables: TableNames;
  /**
   * `begin`, the work on one connection, `commit`; rolled back if the work throws. A commit whose answer was lost
   * throws too: only the ledger can tell whether it happened.
   */
  transaction<T>(work: (connection: Queryable) => Promise<T>): Promise<T>;
  /**
   * Opens a connection now, so that a first statement does not wait for it. If that fails, the first statement says why.
   * @param prepare what is done with the session before anybody gets it; a statement that fails there is nobody's
   */
  warm(prepare?: (session: FreshSession) => Promise<void>): void;
  stats(): { readonly total: number; readonly idle: number; readonly waiting: number };
  /** Waits for running statements; harmless when repeated. */
  end(): Promise<void>;
}
