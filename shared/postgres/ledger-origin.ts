import { textArray } from './array-literal.ts';
import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';

/** A ledger row as a person reads it: which delivery made which rows, when, and whether they were passed on. */
export interface LedgerOrigin {
  readonly identity: string;
  /** Null: handled by a function that stores no rows. */
  readonly stateId: string | null;
  /** Position of its first row; null where it stored none. */
  readonly firstRow: number | null;
  readonly rows: number;
  /** Whether every forward was confirmed by the server. */
  readonly isForwarded: boolean;
  /** RFC 3339, by the clock of the database. */
  readonly time: string;
}

/**
 * The delivery that stored a row; undefined if another writer did, or its ledger row is pruned. The ledger has no index
 * for this question, which would cost every append: it is read through.
 */
export const originOfRow = async (
  pool: DatabasePool,
  stateId: string,
  position: number,
): Promise<LedgerOrigin | undefined> =>
  (
    await read(pool, `state_id = $1 and start_index <= $2 and start_index + row_count > $2 limit 1`, [
      stateId,
      position,
    ])
  )[0];

/** What the ledger has of these identities, in no order. */
export const originsOf = async (pool: DatabasePool, identities: readonly string[]): Promise<readonly LedgerOrigin[]> =>
  identities.length === 0 ? [] : read(pool, 'message_id = any($1::text[])', [textArray(identities)]);

/** The first identities that begin with one of the texts. */
export const originsBelow = (
  pool: DatabasePool,
  prefixes: readonly string[],
  limit: number,
): Promise<readonly LedgerOrigin[]> =>
  // Two bounds for each, which the primary key answers: its order is that of the bytes.
  read(
    pool,
    `message_id in (
       select l.message_id from unnest($1::text[]) p (prefix), lateral (
         select message_id from ${pool.tables.ledger}
          where message_id >= p.prefix collate "C" and message_id < (p.prefix || chr(1114111)) collate "C"
          order by message_id limit $2) l)
     order by message_id limit $2`,
    [textArray(prefixes), limit],
  );

const columns = `message_id as identity, state_id as "stateId", start_index::float8 as "firstRow", row_count as rows,
  forwarded as "isForwarded", to_char(applied_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as time`;

const read = (pool: DatabasePool, condition: string, values: readonly unknown[]): Promise<readonly LedgerOrigin[]> =>
  withDatabaseErrors('read the ledger', () =>
    pool.query<LedgerOrigin>(`select ${columns} from ${pool.tables.ledger} where ${condition}`, values),
  );
