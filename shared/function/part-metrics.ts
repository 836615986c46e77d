import { createLedgerSize } from '../postgres/ledger-size.ts';
import type { DatabasePool } from '../postgres/database.ts';
import type { FunctionMetrics } from '../telemetry/function-metrics.ts';
import { startMetricsExport, type MetricsExport } from '../telemetry/export-metrics.ts';
import { errorFields, type Log } from '../telemetry/log.ts';
import type { Metadata } from '../metadata/cached-metadata.ts';

export interface PartMetricsOptions {
  readonly name: string;
  readonly metrics: FunctionMetrics;
  readonly metadata: Metadata;
  readonly pool: DatabasePool;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
}

export interface PartMetrics {
  /** Prometheus text for `/metrics`, with what has to be asked for. */
  text(): Promise<string>;
  /** Undefined if none are pushed. */
  readonly pushed: MetricsExport | undefined;
}

/** Adds what caches, pool and ledger say to the metrics of a function, and pushes all of it if that is wanted. */
export const addPartMetrics = (options: PartMetricsOptions): PartMetrics => {
  const { metrics, metadata, pool, log, nowMs, monotonicMs } = options;
  const cacheTotal = (field: 'hits' | 'misses'): number =>
    Object.values(metadata.stats()).reduce((sum, stats) => sum + stats[field], 0);
  const ledger = createLedgerSize({
    pool,
    nowMs: monotonicMs,
    onError: (error) => log.warn('ledger_size_failed', errorFields(error)),
  });
  metrics.add({
    kind: 'counter',
    name: 'state_sync_cache_hits_total',
    help: 'Metadata found in the cache.',
    read: () => cacheTotal('hits'),
  });
  metrics.add({
    kind: 'counter',
    name: 'state_sync_cache_misses_total',
    help: 'Metadata that had to be read.',
    read: () => cacheTotal('misses'),
  });
  metrics.add({
    kind: 'gauge',
    name: 'state_sync_pool_connections',
    help: 'Database connections of this process.',
    read: () => pool.stats().total,
  });
  metrics.add({
    kind: 'gauge',
    name: 'state_sync_ledger_rows',
    help: 'Rows of the ledger, by the server’s estimate.',
    read: ledger.read,
  });
  return {
    text: async () => {
      await ledger.refresh();
      return metrics.text();
    },
    pushed: startMetricsExport({
      serviceName: options.name,
      env: options.env,
      log,
      nowMs,
      families: async () => {
        await ledger.refresh();
        return metrics.families();
      },
    }),
  };
};
