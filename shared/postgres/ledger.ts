import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import { bytesArray, plainArray, textArray } from './array-literal.ts';
import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';
import { ledgerLookup } from './ledger-lookup.ts';

/** What the ledger knows of one delivery. */
export interface LedgerEntry {
  readonly id: string;
  /** Null: handled by a function that stores no rows. */
  readonly stateId: string | null;
  readonly startIndex: number | null;
  readonly rowCount: number;
  readonly forwarded: boolean;
  /** Null: applied before hashes were kept. */
  readonly contentHash: string | null;
}

interface LedgerRow {
  readonly id: string;
  readonly state_id: string | null;
  readonly start_index: string | null;
  readonly row_count: number;
  readonly forwarded: boolean;
  readonly content_hash: string | null;
}

/** How sure an answer of the ledger must be. */
export type LedgerCertainty =
  /** What the primary has, which a failover may take back. */
  | 'visible'
  /** What a synchronous standby has too, as far as there is one: good for an acknowledgement. */
  | 'replicated';

/** What is known of those ids; the unknown ones are absent. */
export const readLedger = async (
  pool: DatabasePool,
  ids: readonly string[],
  certainty: LedgerCertainty = 'replicated',
): Promise<ReadonlyMap<string, LedgerEntry>> => {
  if (ids.length === 0) return new Map();
  const rows = await withLedgerErrors('read the ledger', () =>
    pool.query<LedgerRow>(
      `select message_id as id, state_id, start_index, row_count, forwarded, encode(content_hash, 'hex') as content_hash
         from ${pool.tables.ledger} where message_id = any($1::text[])
         ${certainty === 'replicated' ? lockThatIsLogged : ''}`,
      [textArray(ids)],
    ),
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        stateId: row.state_id,
        startIndex: row.start_index === null ? null : Number(row.start_index),
        rowCount: row.row_count,
        forwarded: row.forwarded,
        contentHash: row.content_hash,
      },
    ]),
  );
};

/**
 * Notes that all forwards of these deliveries have been confirmed: a redelivery sends nothing again, however late.
 * Safe to repeat; ids that the ledger does not know are ignored.
 */
export const markForwarded = async (pool: DatabasePool, ids: readonly string[]): Promise<void> => {
  if (ids.length === 0) return;
  const { ledger } = pool.tables;
  const open = ledgerLookup(pool.tables, '$1', 'message_id', 'for no key update', 'and not forwarded');
  await withLedgerErrors('note forwards in the ledger', () =>
    // Locked in one order first: two calls that share ids cannot wait for each other in a circle.
    pool.query(
      `with open as materialized (${open})
       update ${ledger} l set forwarded = true from open where l.message_id = open.message_id`,
      [textArray(ids.toSorted())],
      { keepPlan: true },
    ),
  );
};

export interface HandledDelivery {
  readonly id: string;
  /** Of its payload; null: not known. */
  readonly contentHash: string | null;
}

/**
 * Records deliveries of functions that store no rows. `forwarded`: whether everything they had to publish is confirmed; it
 * never goes back from true to false. Safe to repeat.
 */
export const recordHandled = async (
  pool: DatabasePool,
  handled: readonly HandledDelivery[],
  forwarded = true,
): Promise<void> => {
  const hashes = new Map(handled.map(({ id, contentHash }) => [id, contentHash]));
  const unique = [...hashes.keys()].sort();
  if (unique.length === 0) return;
  const { ledger } = pool.tables;
  await withLedgerErrors('record deliveries in the ledger', () =>
    pool.query(
      `insert into ${ledger} (message_id, forwarded, content_hash)
       select l.id, l.forwarded, l.hash from unnest($1::text[], $2::boolean[], $3::bytea[]) l (id, forwarded, hash)
           on conflict (message_id) do update set forwarded = true
        where excluded.forwarded and not ledger.forwarded`,
      [
        textArray(unique),
        plainArray(unique.map(() => forwarded)),
        bytesArray(unique.map((id) => hashes.get(id) ?? null)),
      ],
    ),
  );
};

/**
 * A commit that waits for a standby in vain is visible once its server has started again. A lock of such a row goes to the log
 * behind it, so the end of the statement that takes it waits for both.
 */
const lockThatIsLogged = 'for key share';

/** How many times longer than the others a row is kept whose forwards are not confirmed. */
const unforwardedFactor = 10;

export interface PruneOptions {
  /**
   * Rows older than this go. It must exceed the longest redelivery (the stream's max age). A row with unconfirmed
   * forwards goes at ten times that age: its message is still being tried, or was dead-lettered and may be replayed.
   * Without the row it would be stored a second time.
   */
  readonly olderThanMs: number;
  /** Rows per statement; each is its own transaction. */
  readonly batch: number;
  /** Stops between two statements. */
  readonly signal?: AbortSignal;
}

/**
 * Removes old rows in small transactions, by the database's clock. Takes no lock that an append waits for: rows that are
 * locked are skipped, and appends only insert.
 *
 * @returns how many rows went.
 */
export const prune = async (pool: DatabasePool, options: PruneOptions): Promise<number> => {
  const { ledger } = pool.tables;
  const text = `
    with gone as (
      delete from ${ledger} where ctid = any (array(
        select ctid from ${ledger} where applied_at < now() - $1::bigint * interval '1 millisecond'
           and (forwarded or applied_at < now() - ${unforwardedFactor} * $1::bigint * interval '1 millisecond')
         order by applied_at limit $2 for update skip locked))
      returning 1)
    select count(*)::int as count from gone`;
  let removed = 0;
  while (options.signal?.aborted !== true) {
    const [row] = await withDatabaseErrors('prune the ledger', () =>
      pool.query<{ count: number }>(text, [options.olderThanMs, options.batch]),
    );
    removed += row?.count ?? 0;
    if ((row?.count ?? 0) < options.batch) break;
  }
  return removed;
};

/** One delivery's data is never at fault for what the ledger says of many: no error of it refuses a message for good. */
const withLedgerErrors = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await withDatabaseErrors(doing, work);
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    throw new RetryableError('database_misconfigured', error.message, { cause: error });
  }
};
