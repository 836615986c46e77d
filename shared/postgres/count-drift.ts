import type { Queryable } from './database.ts';
import type { TableNames } from './table-names.ts';

/** One past the highest position that has a cell; 0 if there is none. Walks each column's index from its end. */
export const nextFreePosition = (tables: TableNames): string => `
select coalesce(max(top.data_index) + 1, 0)
  from ${tables.column} c
 cross join lateral (select d.data_index from ${tables.cell} d where d.column_id = c.id order by d.data_index desc limit 1) top
 where c.state_id = $1`;

/**
 * Raises `state.count` to the cells that another writer left beyond it (reference.md G-18): their positions are taken, and
 * a row is never overwritten. The statement locks the state's row; it never lowers the count.
 */
export const raiseCount = async (connection: Queryable, tables: TableNames, stateId: string): Promise<void> => {
  await connection.query(
    `update ${tables.state} set count = greatest(count, (${nextFreePosition(tables)})) where id = $1`,
    [stateId],
  );
};
