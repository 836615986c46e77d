import type { ConnectorReport, ConnectorRequest } from '../../message/connector-report.ts';
import { askReplicas, connectorSubject } from '../../nats/replica-channel.ts';
import {
  lastHistoryMinuteMs,
  pruneHistory,
  readLedgerMinutes,
  writeHistory,
  type HistoryRow,
} from '../../postgres/history.ts';
import type { ManageContext } from '../manage-context.ts';
import { readCounts } from './history-counts.ts';

/** What a recording wrote. */
export interface RecordedHistory {
  /** Minutes of connectors, and of the ledger. */
  readonly connectorMinutes: number;
  readonly ledgerMinutes: number;
}

/** So long the history goes back. */
export const historyDays = 7;

/**
 * Writes down what the connectors remember and what the ledger tells of the minutes that are over. Safe to repeat and to run twice
 * at the same time: a minute that is over is told the same way each time.
 */
export const recordHistory = async (context: ManageContext): Promise<RecordedHistory> => {
  const nowMs = context.nowMs();
  const [connectorMinutes, ledgerMinutes] = await Promise.all([
    recordConnectors(context, nowMs),
    recordLedger(context, nowMs),
  ]);
  // A day more than is shown, so that a chart never ends in the middle of a step.
  await pruneHistory(context.pool, nowMs - (historyDays + 1) * dayMs);
  return { connectorMinutes, ledgerMinutes };
};

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** What connectors remember. */
const rememberedMs = 120 * minuteMs;
const connectorWaitMs = 500;

const recordConnectors = async (context: ManageContext, nowMs: number): Promise<number> => {
  const request: ConnectorRequest = { history_from: nowMs - rememberedMs };
  const reports = (await askReplicas(await context.bus.connection(), request, {
    subject: connectorSubject(context.manageTopic),
    token: context.token,
    waitMs: connectorWaitMs,
  })) as readonly Partial<ConnectorReport>[];
  const rows = reports.flatMap(({ history }) => readMinutes(history, nowMs));
  await writeHistory(context.pool, rows);
  return rows.length;
};

const maxSourceCharacters = 200;

/** The answers come over NATS, where others may answer too: what is out of bounds is left out. */
const readMinutes = (history: unknown, nowMs: number): readonly HistoryRow[] => {
  if (typeof history !== 'object' || history === null) return [];
  const { source, minutes } = history as Readonly<Record<string, unknown>>;
  if (typeof source !== 'string' || source.length > maxSourceCharacters || !Array.isArray(minutes)) return [];
  // By time, so that one statement never writes a row twice.
  const rows = new Map<number, HistoryRow>();
  for (const minute of minutes.slice(0, rememberedMs / minuteMs + 1) as readonly unknown[]) {
    const atMs = (minute as { readonly minuteMs?: unknown } | null)?.minuteMs;
    if (typeof atMs !== 'number' || atMs % minuteMs !== 0 || atMs < nowMs - rememberedMs - minuteMs || atMs > nowMs)
      continue;
    const { messages: _messages, rows: _rows, ...counts } = readCounts(minute);
    rows.set(atMs, { minuteMs: atMs, source: `connector ${source}`, counts });
  }
  return [...rows.values()];
};

const ledgerSource = 'ledger';
/** A row shows when its transaction began; by then after this time every such row is there. */
const settledMs = 3 * minuteMs;
const windowMs = 3_600_000;
/** Of a ledger with a week of rows that nobody has counted yet, one recording counts a part. */
const ledgerBudgetMs = 5_000;

const recordLedger = async ({ pool, nowMs: clockMs }: ManageContext, nowMs: number): Promise<number> => {
  const last = await lastHistoryMinuteMs(pool, ledgerSource);
  const endMs = Math.floor(nowMs / minuteMs) * minuteMs;
  let fromMs = Math.max((last ?? 0) - settledMs, Math.floor((nowMs - historyDays * dayMs) / minuteMs) * minuteMs);
  let written = 0;
  while (fromMs < endMs && clockMs() - nowMs < ledgerBudgetMs) {
    const toMs = Math.min(fromMs + windowMs, endMs);
    const minutes = await readLedgerMinutes(pool, fromMs, toMs);
    await writeHistory(
      pool,
      minutes.map(({ minuteMs: atMs, messages, rows }) => ({
        minuteMs: atMs,
        source: ledgerSource,
        counts: { messages, rows },
      })),
    );
    written += minutes.length;
    fromMs = toMs;
  }
  return written;
};
