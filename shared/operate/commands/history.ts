import { readHistory } from '../../postgres/history.ts';
import type { ManageCommand } from '../manage-context.ts';
import { historyRange, historySeries } from '../history/history-series.ts';
import { historyDays, recordHistory } from '../history/record-history.ts';

/**
 * `history` {hours?}: what was stored, what became of messages and how long they took, in steps of a minute to an hour, up to the
 * last step that is over.
 */
export const history: ManageCommand = async (args, context) => {
  const hours = args.integer('hours', 1, { min: 1, max: historyDays * 24 });
  args.check();
  // What is written already can be shown, also while NATS is away.
  await recordHistory(context).catch((error: unknown) => context.onError('record the history', error));
  const range = historyRange(hours, context.nowMs());
  return {
    ...historySeries(await readHistory(context.pool, range.fromMs, range.toMs), range),
    prometheusUrl: context.prometheusUrl ?? null,
  };
};

/** `history.record`: writes down what the connectors remember, and what the ledger tells. */
export const historyRecord: ManageCommand = async (args, context) => {
  args.check();
  return await recordHistory(context);
};
