import { RetryableError } from '../errors/sync-error.ts';
import { StaleMetadataError } from './database-error.ts';
import type { DatabasePool, Queryable } from './database.ts';

/**
 * Why the row of a state could not be locked or updated: it is gone, or row-level security lets this role read it only.
 *
 * @returns the error to throw: StaleMetadataError `unknown_state`, or RetryableError `database_misconfigured`.
 */
export const missingState = async (
  connection: Queryable & Pick<DatabasePool, 'tables'>,
  stateId: string,
): Promise<RetryableError> => {
  const rows = await connection.query(`select from ${connection.tables.state} where id = $1`, [stateId]);
  return rows.length === 0
    ? new StaleMetadataError('unknown_state', `state ${stateId} does not exist`)
    : new RetryableError(
        'database_misconfigured',
        `state ${stateId} can be read but not changed: a policy of row-level security forbids it (state-sync doctor)`,
      );
};
