import type { ColumnDefinition } from '../state/state-model.ts';
import { plainArray, textArray } from './array-literal.ts';
import { StaleMetadataError } from './database-error.ts';
import type { DatabasePool } from './database.ts';
import { missingState } from './missing-state.ts';
import type { TableNames } from './table-names.ts';

interface CreatedColumn {
  readonly id: string;
  readonly name: string;
  readonly data_type: string | null;
  readonly display_order: number | null;
}

/**
 * Gives every column its id. Those without one are created in a transaction of their own, under the state's row lock,
 * and read back. So any number of writers that create the same columns end with the same ids (reference.md G-10).
 *
 * @throws StaleMetadataError if the state is gone, or if another writer created a column as `json` that is not one
 *   here, or the reverse: its cells are rendered differently.
 */
export const createColumns = async (
  pool: DatabasePool,
  stateId: string,
  columns: readonly ColumnDefinition[],
): Promise<readonly ColumnDefinition[]> => {
  const missing = columns.filter(({ id }) => id === undefined);
  if (missing.length === 0) return columns;
  const names = textArray(missing.map(({ name }) => name));
  const created = await pool.transaction(async (connection) => {
    const lock = `select from ${pool.tables.state} where id = $1 for no key update`;
    if ((await connection.query(lock, [stateId])).length === 0) {
      throw await missingState({ ...connection, tables: pool.tables }, stateId);
    }
    const types = textArray(missing.map(({ dataType }) => dataType));
    const ranks = plainArray(missing.map((_, rank) => rank));
    await connection.query(insertStatement(pool.tables), [stateId, names, types, ranks]);
    return connection.query<CreatedColumn>(readStatement(pool.tables), [stateId, names]);
  });
  const byName = new Map(created.map((column) => [column.name, column]));
  return columns.map((column) => {
    const found = byName.get(column.name);
    if (column.id !== undefined) return column;
    if (found === undefined || (found.data_type === 'json') !== (column.dataType === 'json')) {
      const why = found === undefined ? 'was deleted' : `is of type ${found.data_type ?? 'null'}`;
      throw new StaleMetadataError('database_conflict', `column ${column.name} of state ${stateId} ${why}`);
    }
    return { ...column, id: found.id, dataType: found.data_type ?? 'str', displayOrder: found.display_order };
  });
};

/**
 * $1 state, $2 names, $3 data types, $4 ranks. New columns: required, not callable, no lengths (reference.md E.2). The order
 * goes on from the highest, without a hole for names that another writer created meanwhile.
 */
const insertStatement = (tables: TableNames): string => `
insert into ${tables.column} (state_id, name, data_type, required, callable, min_length, max_length, dimensions, display_order)
select $1::varchar, w.name, w.data_type, true, false, null, null, null,
       row_number() over (order by w.rank)
         + (select coalesce(max(display_order), -1) from ${tables.column} where state_id = $1::varchar)
  from unnest($2::text[], $3::text[], $4::int[]) w (name, data_type, rank)
 where not exists (select from ${tables.column} c where c.state_id = $1::varchar and c.name = w.name)
 order by w.rank
    on conflict (state_id, name) do nothing`;

const readStatement = (tables: TableNames): string =>
  `select id::text, name, data_type, display_order from ${tables.column} where state_id = $1 and name = any($2::text[])`;
