import { TerminalError } from '../errors/sync-error.ts';
import { appendDeduplicated } from './append-dedupe.ts';
import { identityReuse } from '../message/content-hash.ts';
import { cellList } from '../state/column-cells.ts';
import {
  rejectedDelivery,
  type AppendDelivery,
  type AppendedDelivery,
  type AppendRequest,
  type AppendResult,
} from './append-request.ts';
import { appendStored, runIsolated } from './append-run.ts';
import { requireCellIndex } from './cell-index.ts';
import { createColumns } from './create-columns.ts';
import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';

export interface AppendOptions {
  /** A request with more rows is cut into consecutive statements between deliveries; for latency and memory, not speed. */
  readonly maxRowsPerStatement?: number;
  /** The same for the bytes of cells; one delivery is never cut. */
  readonly maxBytesPerStatement?: number;
}

/**
 * Appends rows to one state, exactly once per delivery id. Positions, ledger, cells and mapping are written in one
 * statement (`dedupe`: in one transaction). Missing columns are created.
 *
 * The result names every delivery in the request's order:
 * - `stored`;
 * - `duplicate`: the ledger or an earlier delivery of the request has it, and nothing was stored now;
 * - `rejected`: the database refuses its data, or its id was used before with other content. The others are unharmed.
 *
 * Positions follow the order of the deliveries. Safe to repeat after any error, also after a lost answer to a commit.
 *
 * @throws StaleMetadataError if the state, or a column that has an id, is gone: read the metadata and plan again.
 * @throws RetryableError for everything else; parts that committed before it answer `duplicate` the next time.
 */
export const append = async (
  pool: DatabasePool,
  request: AppendRequest,
  options: AppendOptions = {},
): Promise<AppendResult> => {
  // Without any column a row would be counted and could never be read.
  const hasColumns = request.columns.length > 0;
  const unique = uniqueDeliveries(request);
  const deliveries = hasColumns ? unique : unique.map(withoutRows);
  if (deliveries.length === 0) return { deliveries: [], columns: request.columns };
  await requireCellIndex(pool);
  const limits = {
    maxRows: options.maxRowsPerStatement ?? 2_000,
    maxBytes: options.maxBytesPerStatement ?? 8 * 1024 * 1024,
  };
  const result = await appendUnique(pool, { ...request, deliveries }, limits);
  if (unique.length === request.deliveries.length) return result;
  return { deliveries: withRepeated(request, unique, result.deliveries), columns: result.columns };
};

/** The first delivery of each id. */
const uniqueDeliveries = ({ deliveries }: AppendRequest): readonly AppendDelivery[] => {
  const ids = new Set<string>();
  return deliveries.filter(({ id }) => ids.size < ids.add(id).size);
};

const withoutRows = (delivery: AppendDelivery): AppendDelivery => ({
  ...delivery,
  rowCount: 0,
  cells: [],
  stateKeys: [],
});

/** The results of all deliveries of a request that names one of them more than once. */
const withRepeated = (
  { stateId, deliveries }: AppendRequest,
  unique: readonly AppendDelivery[],
  results: readonly AppendedDelivery[],
): readonly AppendedDelivery[] => {
  const first = new Map(unique.map((delivery) => [delivery.id, delivery]));
  const byId = new Map(results.map((delivery) => [delivery.id, delivery]));
  const seen = new Set<string>();
  return deliveries.flatMap((delivery): AppendedDelivery | [] => {
    const { id } = delivery;
    const appended = byId.get(id);
    if (appended === undefined) return [];
    const repeated = seen.has(id);
    seen.add(id);
    if (!repeated || appended.status !== 'stored') return appended;
    const reuse = identityReuse({ ...first.get(id)!, stateId }, { ...delivery, stateId });
    return reuse === undefined ? { ...appended, status: 'duplicate' } : rejectedDelivery(id, reuse);
  });
};

interface StatementLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

const appendUnique = async (
  pool: DatabasePool,
  request: AppendRequest,
  limits: StatementLimits,
): Promise<AppendResult> => {
  let columns;
  try {
    columns = await withDatabaseErrors(`create columns of state ${request.stateId}`, () =>
      createColumns(pool, request.stateId, request.columns),
    );
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    const [only, ...others] = request.deliveries;
    if (only !== undefined && others.length === 0) {
      const columnsThere = request.columns.filter(({ id }) => id !== undefined);
      return { deliveries: [rejectedDelivery(only.id, error)], columns: columnsThere };
    }
    const known = new Map(request.columns.map((column) => [column.name, column]));
    const deliveries: AppendedDelivery[] = [];
    for (const delivery of request.deliveries) {
      const part = await appendUnique(
        pool,
        columnsFilledBy({ ...request, columns: request.columns }, delivery),
        limits,
      );
      deliveries.push(...part.deliveries);
      for (const column of part.columns) known.set(column.name, column);
    }
    return { deliveries, columns: [...known.values()].filter(({ id }) => id !== undefined) };
  }
  const once = request.dedupe ? appendDeduplicated : appendStored;
  const deliveries: AppendedDelivery[] = [];
  for (const part of cut(request.deliveries, limits)) {
    deliveries.push(...(await runIsolated(pool, { stateId: request.stateId, columns, deliveries: part }, once)));
  }
  return { deliveries, columns };
};

/**
 * If a column cannot be created (the table refuses its name), only the deliveries with a value in it suffer: each
 * delivery is then tried with the new columns that it fills itself.
 */
const columnsFilledBy = (request: AppendRequest, delivery: AppendDelivery): AppendRequest => {
  const kept = [...request.columns.keys()].filter(
    (index) =>
      request.columns[index]?.id !== undefined || cellList(delivery.cells[index] ?? null).some((cell) => cell !== null),
  );
  return {
    ...request,
    columns: kept.flatMap((index) => request.columns[index] ?? []),
    deliveries: [{ ...delivery, cells: kept.map((index) => delivery.cells[index] ?? []) }],
  };
};

const cut = (
  deliveries: readonly AppendDelivery[],
  { maxRows, maxBytes }: StatementLimits,
): readonly (readonly AppendDelivery[])[] => {
  const parts: AppendDelivery[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  let bytes = 0;
  for (const delivery of deliveries) {
    if (rows + delivery.rowCount > maxRows || bytes + delivery.bytes > maxBytes) {
      parts.push([]);
      rows = 0;
      bytes = 0;
    }
    parts.at(-1)?.push(delivery);
    rows += delivery.rowCount;
    bytes += delivery.bytes;
  }
  return parts;
};
