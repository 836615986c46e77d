import { readAudit, type StoredAuditEntry } from '../../postgres/audit-log.ts';
import type { ManageCommand } from '../manage-context.ts';

/** What `audit` answers; `next` is the `before` of the next page, null at the end. */
export interface AuditPage {
  readonly entries: readonly StoredAuditEntry[];
  readonly next: number | null;
}

/** `audit` {limit, before, action}: what operators did, the newest first. */
export const audit: ManageCommand = async (args, { pool }): Promise<AuditPage> => {
  const limit = args.integer('limit', 50, { min: 1, max: 500 });
  const before = args.optionalInteger('before', { min: 1, max: Number.MAX_SAFE_INTEGER });
  const action = args.optionalText('action', 60);
  args.check();
  const entries = await readAudit(pool, { limit, before, action });
  return { entries, next: entries.length === limit ? (entries.at(-1)?.id ?? null) : null };
};
