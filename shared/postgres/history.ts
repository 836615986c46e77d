import { textArray } from './array-literal.ts';
import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';

/** What one source says of one minute: a JSON object of counts. */
export interface HistoryRow {
  /** When the minute began; milliseconds since 1970. */
  readonly minuteMs: number;
  readonly source: string;
  readonly counts: object;
}

/** What the ledger says of one minute. */
export interface LedgerMinute {
  readonly minuteMs: number;
  readonly messages: number;
  readonly rows: number;
}

/** Writes minutes; what the same source said of one before is replaced. Safe to repeat. */
export const writeHistory = async (pool: DatabasePool, rows: readonly HistoryRow[]): Promise<void> => {
  for (let from = 0; from < rows.length; from += rowsPerStatement) {
    const part = rows.slice(from, from + rowsPerStatement);
    await withDatabaseErrors('write the history', () =>
      pool.query(
        `insert into ${pool.tables.history} as h (minute, source, counts)
         select m.minute, m.source, m.counts
           from unnest($1::timestamptz[], $2::text[], $3::jsonb[]) m (minute, source, counts)
             on conflict (minute, source) do update set counts = excluded.counts where h.counts <> excluded.counts`,
        [
          textArray(part.map(({ minuteMs }) => new Date(minuteMs).toISOString())),
          textArray(part.map(({ source }) => source)),
          textArray(part.map(({ counts }) => JSON.stringify(counts))),
        ],
      ),
    );
  }
};

/** Minutes from a time on and before another, the oldest first. */
export const readHistory = (pool: DatabasePool, fromMs: number, toMs: number): Promise<readonly HistoryRow[]> =>
  withDatabaseErrors('read the history', () =>
    pool.query<HistoryRow>(
      `select (extract(epoch from minute) * 1000)::float8 as "minuteMs", source, counts from ${pool.tables.history}
        where minute >= $1::timestamptz and minute < $2::timestamptz order by minute, source`,
      [new Date(fromMs).toISOString(), new Date(toMs).toISOString()],
    ),
  );

/** The newest minute of a source, or undefined. */
export const lastHistoryMinuteMs = async (pool: DatabasePool, source: string): Promise<number | undefined> => {
  const [row] = await withDatabaseErrors('read the history', () =>
    pool.query<{ readonly ms: number | null }>(
      `select (extract(epoch from max(minute)) * 1000)::float8 as ms from ${pool.tables.history} where source = $1`,
      [source],
    ),
  );
  return row?.ms ?? undefined;
};

/** Messages and rows of each minute in which something was stored, by the ledger's index of times. */
export const readLedgerMinutes = (pool: DatabasePool, fromMs: number, toMs: number): Promise<readonly LedgerMinute[]> =>
  withDatabaseErrors('count rows in the ledger', () =>
    pool.query<LedgerMinute>(
      `select (extract(epoch from date_trunc('minute', applied_at)) * 1000)::float8 as "minuteMs",
              count(*)::int as messages, sum(row_count)::float8 as rows
         from ${pool.tables.ledger} where applied_at >= $1::timestamptz and applied_at < $2::timestamptz
        group by 1 order by 1`,
      [new Date(fromMs).toISOString(), new Date(toMs).toISOString()],
    ),
  );

/** Removes minutes before a time. */
export const pruneHistory = async (pool: DatabasePool, beforeMs: number): Promise<void> => {
  await withDatabaseErrors('prune the history', () =>
    pool.query(`delete from ${pool.tables.history} where minute < $1::timestamptz`, [new Date(beforeMs).toISOString()]),
  );
};

const rowsPerStatement = 500;
