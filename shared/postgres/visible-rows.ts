import { RetryableError } from '../errors/sync-error.ts';
import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool, Queryable } from './database.ts';

/** What one role sees of one table. */
export interface TableSight {
  readonly hasRows: boolean;
  /** Whether policies of row-level security decide which rows this role sees. */
  readonly isFiltered: boolean;
  readonly user: string;
}

/** @param table quoted as SQL */
export const readSight = async (connection: Queryable, table: string): Promise<TableSight> => {
  const [sight] = await connection.query<TableSight>(
    `select exists (select from ${table}) as "hasRows", row_security_active($1::regclass) as "isFiltered",
            current_user as user`,
    [table],
  );
  return sight ?? { hasRows: false, isFiltered: false, user: '' };
};

/** Tells a row that is not there from a table of which nothing can be seen. */
export interface VisibleRows {
  /** A row of the table was found: asking is not needed for a while. */
  noteFound(table: string): void;
  /**
   * Asks whether the table shows any row at all; the answer yes is good for a while.
   *
   * @throws RetryableError `database_misconfigured` if it shows none: the database is the wrong one, or row-level security
   *   hides its rows, so that a row that is missing says nothing of the message that names it.
   */
  requireAny(table: string): Promise<void>;
  /** As `requireAny`, but only if row-level security is active: a table that may well be empty. */
  requireUnfiltered(table: string): Promise<void>;
}

export interface VisibleRowsOptions {
  readonly pool: DatabasePool;
  readonly nowMs: () => number;
  /** How long a table counts as one that shows rows. */
  readonly goodForMs: number;
}

export const createVisibleRows = ({ pool, nowMs, goodForMs }: VisibleRowsOptions): VisibleRows => {
  const foundMs = new Map<string, number>();
  const require = async (table: string, isEmptyAllowed: boolean): Promise<void> => {
    if (nowMs() - (foundMs.get(table) ?? Number.NEGATIVE_INFINITY) < goodForMs) return;
    const sight = await withDatabaseErrors(`look at ${table}`, () => readSight(pool, table));
    if (sight.hasRows) foundMs.set(table, nowMs());
    if (sight.hasRows || (isEmptyAllowed && !sight.isFiltered)) return;
    // An installation may have states and no routes yet; one without any state is none.
    if (!sight.isFiltered && table !== pool.tables.state) return require(pool.tables.state, false);
    const why = sight.isFiltered ? 'row-level security is active for it' : 'it is empty, or this is the wrong database';
    throw new RetryableError(
      'database_misconfigured',
      `table ${table} at ${pool.address} shows no row at all to "${sight.user}": ${why} (state-sync doctor)`,
    );
  };
  return {
    noteFound: (table) => foundMs.set(table, nowMs()),
    requireAny: (table) => require(table, false),
    requireUnfiltered: (table) => require(table, true),
  };
};
