import type { DatabasePool } from './database.ts';

export interface LedgerSizeOptions {
  readonly pool: DatabasePool;
  readonly nowMs: () => number;
  /** For so long a reading is good; default 30 s. */
  readonly maxAgeMs?: number;
  readonly onError: (error: unknown) => void;
}

/** How many rows the ledger has, by the server's own estimate. */
export interface LedgerSize {
  /** The latest reading; undefined before the first. */
  read(): number | undefined;
  /**
   * Reads again if the reading is old and a connection is there anyway: somebody who looks at metrics must not wake a
   * database that sleeps. Never throws.
   */
  refresh(): Promise<void>;
}

export const createLedgerSize = (options: LedgerSizeOptions): LedgerSize => {
  const { pool, nowMs } = options;
  let rows: number | undefined;
  let readMs = Number.NEGATIVE_INFINITY;
  return {
    read: () => rows,
    refresh: async () => {
      if (nowMs() - readMs < (options.maxAgeMs ?? 30_000) || pool.stats().idle === 0) return;
      readMs = nowMs();
      try {
        const [row] = await pool.query<{ rows: number }>(
          `select greatest(reltuples, pg_stat_get_live_tuples(oid), 0)::float8 as rows
             from pg_class where oid = to_regclass($1)`,
          [pool.tables.ledger],
        );
        rows = row?.rows;
      } catch (error) {
        options.onError(error);
      }
    },
  };
};
