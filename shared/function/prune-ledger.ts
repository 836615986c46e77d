import { prune } from '../postgres/ledger.ts';
import type { DatabasePool } from '../postgres/database.ts';
import { errorFields, type Log } from '../telemetry/log.ts';

/** Well after the first message, so that a cold start does nothing else; most processes live at least so long. */
const firstPruneMs = 30_000;
const pruneEveryMs = 10 * 60_000;
/** Rows per statement: short transactions, which no append waits for. */
const pruneBatch = 5_000;

export interface PruneLedgerOptions {
  readonly pool: DatabasePool;
  readonly retentionHours: number;
  readonly log: Log;
  readonly firstMs?: number;
  readonly everyMs?: number;
}

/**
 * Removes ledger rows over their age while the process lives; replicas do not get in each other's way (locked rows are
 * skipped). Returns what stops it: it waits for a statement under way. The timers do not keep the process alive.
 */
export const startPruning = (options: PruneLedgerOptions): (() => Promise<void>) => {
  const { pool, log } = options;
  const abort = new AbortController();
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    try {
      const olderThanMs = options.retentionHours * 3_600_000;
      const removed = await prune(pool, { olderThanMs, batch: pruneBatch, signal: abort.signal });
      if (removed > 0) log.debug('ledger_pruned', { rows: removed });
    } catch (error) {
      log.warn('ledger_prune_failed', errorFields(error));
    }
    running = undefined;
  };
  const start = (): void => {
    running ??= run();
  };
  const first = setTimeout(start, options.firstMs ?? firstPruneMs).unref();
  const every = setInterval(start, options.everyMs ?? pruneEveryMs).unref();
  return async () => {
    clearTimeout(first);
    clearInterval(every);
    abort.abort();
    await running;
  };
};
