import { bytesArray, plainArray, textArray } from './array-literal.ts';
import { StaleMetadataError, withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';

/** Rows that another writer stored for a message. */
export interface AdoptedRows {
  readonly id: string;
  readonly startIndex: number;
  readonly rowCount: number;
  /** Of its payload; null: not known. */
  readonly contentHash: string | null;
}

/**
 * Writes the ledger rows of messages that another writer has stored: a delivery of theirs stores nothing and is passed on.
 * All in one transaction that locks the state, so that nobody appends meanwhile. Ids that the ledger knows stay as they are.
 *
 * @param count what the state's `count` was when its rows were looked at
 * @returns how many were written.
 * @throws StaleMetadataError if there is no such state, or if somebody has written rows since
 */
export const adoptRows = (
  pool: DatabasePool,
  stateId: string,
  count: number,
  adopted: readonly AdoptedRows[],
): Promise<number> =>
  withDatabaseErrors(`adopt rows of state ${stateId}`, () =>
    pool.transaction(async (connection) => {
      const { state, ledger } = pool.tables;
      const [found] = await connection.query<{ count: number }>(
        `select count from ${state} where id = $1 for no key update`,
        [stateId],
      );
      if (found === undefined) throw new StaleMetadataError('unknown_state', `state ${stateId} does not exist`);
      if (found.count !== count) {
        throw new StaleMetadataError('database_conflict', `somebody writes to state ${stateId}: stop it first`);
      }
      const rows = adopted.toSorted((one, other) => (one.id < other.id ? -1 : 1));
      const written = await connection.query(
        `insert into ${ledger} (message_id, state_id, start_index, row_count, forwarded, content_hash)
         select l.id, $1, l.start, l.rows, false, l.hash
           from unnest($2::text[], $3::bigint[], $4::int[], $5::bytea[]) l (id, start, rows, hash)
             on conflict (message_id) do nothing returning 1`,
        [
          stateId,
          textArray(rows.map(({ id }) => id)),
          plainArray(rows.map(({ startIndex }) => startIndex)),
          plainArray(rows.map(({ rowCount }) => rowCount)),
          bytesArray(rows.map(({ contentHash }) => contentHash)),
        ],
      );
      return written.length;
    }),
  );

/** The rows of the state, from a position on, that the ledger gives to messages. */
export const ledgerRows = (
  pool: DatabasePool,
  stateId: string,
  from: number,
): Promise<readonly { readonly start: number; readonly rows: number }[]> =>
  withDatabaseErrors('read the ledger of a state', () =>
    pool.query(
      `select start_index::float8 as start, row_count as rows from ${pool.tables.ledger}
        where state_id = $1 and start_index + row_count > $2`,
      [stateId, from],
    ),
  );

/** JSON texts as the database writes them: the order of members, numbers and spaces. */
export const storedJson = (
  pool: DatabasePool,
  texts: readonly (string | null)[],
): Promise<readonly (string | null)[]> =>
  withDatabaseErrors('write JSON as it is stored', async () => {
    const rows = await pool.query<{ text: string | null }>(
      'select (t.text::jsonb)::text as text from unnest($1::text[]) with ordinality t (text, n) order by t.n',
      [textArray(texts)],
    );
    return rows.map(({ text }) => text);
  });
