import { findKeyAnywhere, type KeyedRow } from '../../postgres/find-key-anywhere.ts';
import type { ManageCommand } from '../manage-context.ts';

/** What `row.find` answers. */
export interface FoundRows {
  readonly rows: readonly KeyedRow[];
  /** Whether these are all. */
  readonly isComplete: boolean;
}

/** Rows that are told. */
const maxRows = 20;

/** `row.find` {key}: the rows of any state that have the key. */
export const rowFind: ManageCommand = async (args, { pool }): Promise<FoundRows> => {
  const key = args.text('key', 1_000);
  args.check();
  const found = await findKeyAnywhere(pool, key, maxRows + 1);
  return { rows: found.slice(0, maxRows), isComplete: found.length <= maxRows };
};
