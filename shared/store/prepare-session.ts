import { emptyReads } from '../metadata/read-metadata.ts';
import { bindNothing } from '../postgres/append-statement.ts';
import { cellIndexQuestion, noteCellIndex } from '../postgres/cell-index.ts';
import type { DatabasePool, FreshSession } from '../postgres/database.ts';
import type { FunctionRuntime } from '../function/run-function.ts';

/**
 * Makes a new session ready for a first message: what the server would have to find out during that message's statements,
 * it finds out while the function still starts. Nothing is written.
 */
export const prepareSession = async (
  pool: DatabasePool,
  session: FreshSession,
  { config }: Pick<FunctionRuntime, 'config'>,
): Promise<void> => {
  const { tables } = pool;
  const [index] = await session.queryTogether([cellIndexQuestion(tables), ...emptyReads(tables, config.keyOrder)]);
  noteCellIndex(pool, index);
  const { text, values } = bindNothing(tables);
  await session.query(text, values, { keepPlan: true });
};
