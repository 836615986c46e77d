import { inspectState } from '../../postgres/inspect-state.ts';
import { withDatabaseErrors } from '../../postgres/database-error.ts';
import { findDriftedStates, repairState } from '../../postgres/repair.ts';
import type { ManageCommand } from '../manage-context.ts';
import { findStateId, maxStateNameCharacters } from '../find-state.ts';

const maxIdCharacters = 36;

/**
 * `repair.find` {state_id} looks at one state thoroughly: count drift, cells beyond `count`, gaps, mapping rows.
 * Without `state_id` it lists states whose `count` has drifted, `limit` at a time after the id `after`.
 */
export const repairFind: ManageCommand = async (args, { pool }) => {
  const text = args.optionalText('state_id', maxStateNameCharacters);
  const limit = args.integer('limit', 100, { min: 1, max: 1_000 });
  const after = args.optionalText('after', maxIdCharacters);
  args.check();
  if (text !== undefined) {
    const stateId = await findStateId(pool, text);
    const report = await withDatabaseErrors('inspect the state', () => inspectState(pool, pool.tables, stateId));
    return { report };
  }
  const drifted = await findDriftedStates(pool, { limit, ...(after === undefined ? {} : { afterId: after }) });
  return { drifted, next: drifted.length === limit ? (drifted.at(-1)?.stateId ?? null) : null };
};

/**
 * `repair.mend` {state_id, apply} says what it would do. With `apply: true` it does it, in one transaction that holds
 * the state's row. Nothing that holds data is removed.
 */
export const repairMend: ManageCommand = async (args, { pool }) => {
  const text = args.text('state_id', maxStateNameCharacters);
  const apply = args.flag('apply', false);
  const closeGaps = args.flag('close_gaps', true);
  args.check();
  return await repairState(pool, await findStateId(pool, text), { apply, closeGaps });
};
