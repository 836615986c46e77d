import { emptyReads } from '../../shared/metadata/read-metadata.ts';
import type { DatabasePool, FreshSession } from '../../shared/postgres/database.ts';
import type { FunctionRuntime } from '../../shared/function/run-function.ts';

/** Makes a new session ready for a first message: the server reads what it must know of the tables while we still start. */
export const prepareSession = async (
  { tables }: DatabasePool,
  session: FreshSession,
  { config }: Pick<FunctionRuntime, 'config'>,
): Promise<void> => {
  await session.queryTogether(emptyReads(tables, config.keyOrder));
};
