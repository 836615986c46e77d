import { prune } from '../../postgres/ledger.ts';
import type { ManageCommand } from '../manage-context.ts';

const hourMs = 3_600_000;
/** A request ends before a gateway gives it up; what is left goes with the next one. */
const maxMs = 30_000;

/**
 * `ledger.prune` {older_than_hours}: removes ledger rows beyond the age (default: the configured retention) in small
 * transactions. An age below the longest redelivery would let a message be stored twice, so an hour is the least.
 */
export const ledgerPrune: ManageCommand = async (args, context) => {
  const hours = args.integer('older_than_hours', context.ledgerRetentionHours, { min: 1, max: 87_600 });
  args.check();
  const signal = AbortSignal.timeout(maxMs);
  const removed = await prune(context.pool, { olderThanMs: hours * hourMs, batch: 5_000, signal });
  return { removed, older_than_hours: hours, complete: !signal.aborted };
};
