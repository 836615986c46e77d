import type { ColumnDefinition } from '../state/state-model.ts';
import { plainArray } from './array-literal.ts';
import { StaleMetadataError, withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';
import type { TableNames } from './table-names.ts';

export interface PageRequest {
  readonly stateId: string;
  /** In the order wanted; columns without an id have no cells. */
  readonly columns: readonly ColumnDefinition[];
  /** First position. */
  readonly offset: number;
  /** Positions at most. */
  readonly limit: number;
}

export interface StatePage {
  /** `state.count`, as of the same moment as the cells. */
  readonly count: number;
  /**
   * One row per position, dense, cut at `count`. Cells are aligned with the columns: text, or JSON text if the column's
   * type is `json`; null if missing.
   */
  readonly rows: readonly (readonly (string | null)[])[];
}

interface PageCell {
  readonly count: number;
  readonly column: number | null;
  readonly row: number | null;
  readonly text: string | null;
}

/**
 * $1 state, $2 column ids, $3 is json, $4 offset, $5 limit. The inner limit keeps the planner at one short range of the
 * unique index per column, whatever it believes of the table.
 */
export const pageStatement = (tables: TableNames): string => `
select s.count, c.n::int - 1 as column, (d.data_index - $4::bigint)::int as row,
       case when c.is_json then d.data_json_value::text else d.data_value end as text
  from ${tables.state} s
  left join (unnest($2::bigint[], $3::boolean[]) with ordinality c (id, is_json, n)
       cross join lateral (
         select e.data_index, e.data_value, e.data_json_value from ${tables.cell} e
          where e.column_id = c.id and e.data_index >= $4::bigint and e.data_index < $4::bigint + $5::int
          order by e.data_index limit $5::int) d) on true
 where s.id = $1`;

/**
 * Rows `[offset, offset + limit)` of a state, for a replay (reference.md F.3, I.4), in one statement. Memory is bounded by
 * the page: `limit` rows of the state's columns.
 *
 * @throws StaleMetadataError `unknown_state` if there is no such state.
 */
export const readPage = async (pool: DatabasePool, request: PageRequest): Promise<StatePage> => {
  const { columns, offset, limit } = request;
  const cells = await withDatabaseErrors('read a page of a state', () =>
    pool.query<PageCell>(pageStatement(pool.tables), [
      request.stateId,
      plainArray(columns.map(({ id }) => (id === undefined ? null : Number(id)))),
      plainArray(columns.map(({ dataType }) => dataType === 'json')),
      offset,
      limit,
    ]),
  );
  const [first] = cells;
  if (first === undefined) throw new StaleMetadataError('unknown_state', `state ${request.stateId} does not exist`);
  const length = Math.max(0, Math.min(limit, first.count - offset));
  const rows = Array.from({ length }, () => columns.map((): string | null => null));
  for (const { row, column, text: value } of cells) {
    const cellsOfRow = row === null ? undefined : rows[row];
    // Cells beyond `count` are another writer's leftovers (reference.md G-18): they are not part of the state.
    if (cellsOfRow !== undefined && column !== null) cellsOfRow[column] = value;
  }
  return { count: first.count, rows };
};
