import { TerminalError } from '../errors/sync-error.ts';
import { bindAppendMany, type AppendManyAnswer } from './append-many-statement.ts';
import type { AppendRequest, AppendResult } from './append-request.ts';
import { requireCellIndex } from './cell-index.ts';
import { sqlStateOf, toDatabaseError } from './database-error.ts';
import type { DatabasePool } from './database.ts';

/** Beyond it a request gains nothing from others in its statement. */
const maxRowsOfOne = 200;
/** An `int`, as the ids of columns are. */
const maxColumnId = 2 ** 31 - 1;

/**
 * Whether a request may share a statement with those of other states. One that needs anything special may not: columns to
 * create, rows with known keys to leave out, an id twice, no rows or no columns, or much at once.
 */
export const isShareable = ({ columns, deliveries, dedupe }: AppendRequest): boolean => {
  if (dedupe || columns.length === 0 || deliveries.length === 0) return false;
  if (!haveIntIds(columns)) return false;
  const rows = rowsOf({ deliveries });
  if (rows === 0 || rows > maxRowsOfOne) return false;
  return deliveries.length === 1 || new Set(deliveries.map(({ id }) => id)).size === deliveries.length;
};

export const rowsOf = ({ deliveries }: Pick<AppendRequest, 'deliveries'>): number =>
  deliveries.reduce((sum, { rowCount }) => sum + rowCount, 0);

/**
 * Appends requests of different states, all of them `isShareable`, in one statement.
 *
 * The result has the requests that were stored, whole. All others are to be appended one by one; a few of them may be stored all the
 * same (a lost answer), which the ledger then says. Left over is a state that somebody else holds, that has a message which
 * the ledger knows, or that is gone. If the database refuses data, or somebody else was faster, the states are halved until those
 * at fault are left over. After any other error all are: what their own statements say is what it means for each.
 *
 * @throws RetryableError `database_misconfigured` if nothing would notice a position that is taken twice.
 */
export const appendMany = async (
  pool: DatabasePool,
  requests: readonly AppendRequest[],
): Promise<ReadonlyMap<AppendRequest, AppendResult>> => {
  await requireCellIndex(pool);
  const stored = new Map<AppendRequest, AppendResult>();
  const open = [requests];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    // One alone has nothing to share.
    if (part.length < 2) continue;
    try {
      for (const [request, result] of await storeTogether(pool, part)) stored.set(request, result);
    } catch (error) {
      if (!mayBeFaultOfOne(error)) break;
      const middle = Math.ceil(part.length / 2);
      open.push(part.slice(middle), part.slice(0, middle));
    }
  }
  return stored;
};

/** Of a list of columns that does not change: a state's is the same for all of its requests. */
const haveIntIds = (columns: AppendRequest['columns']): boolean => {
  const known = intIds.get(columns);
  if (known !== undefined) return known;
  const all = columns.every(({ id }) => id !== undefined && Number(id) <= maxColumnId);
  intIds.set(columns, all);
  return all;
};

const intIds = new WeakMap<AppendRequest['columns'], boolean>();

const storeTogether = async (
  pool: DatabasePool,
  requests: readonly AppendRequest[],
): Promise<readonly (readonly [AppendRequest, AppendResult])[]> => {
  const { text, values } = bindAppendMany(pool.tables, requests);
  const [answer] = await pool.query<AppendManyAnswer>(text, values, { keepPlan: true });
  const starts = answer === undefined ? [] : answer.starts.slice(1, -1).split(',');
  return requests.flatMap((request, index) => {
    const start = starts[index] ?? 'NULL';
    return start === 'NULL' ? [] : [[request, resultOf(request, Number(start))] as const];
  });
};

/** Refused data, a deadlock, a message or a position that another writer was faster with, a column that was deleted. */
const mayBeFaultOfOne = (error: unknown): boolean =>
  toDatabaseError(error, 'append to several states') instanceof TerminalError ||
  ['40001', '40P01', '23505', '23503'].includes(sqlStateOf(error) ?? '');

const resultOf = ({ columns, deliveries }: AppendRequest, start: number): AppendResult => {
  let position = start;
  return {
    columns,
    deliveries: deliveries.map(({ id, rowCount, forwards }) => {
      const startIndex = rowCount === 0 ? null : position;
      position += rowCount;
      return { id, status: 'stored', startIndex, rowCount, forwarded: !forwards };
    }),
  };
};
