import type { Queryable } from '../../../shared/postgres/database.ts';

/** What the database holds of one state. */
export interface StoredResult {
  readonly count: number;
  readonly columns: readonly string[];
  /** One row per position, in order; a cell is null if it is missing. */
  readonly rows: readonly { readonly position: number; readonly cells: Readonly<Record<string, string | null>> }[];
  /** Cells in all, null ones included: columns times rows if none is missing. */
  readonly cellCount: number;
  readonly mappedKeys: number;
}

/** Number of rows of a state: cheap enough to poll. */
export const readCount = async (database: Queryable, stateId: string): Promise<number> => {
  const [row] = await database.query<{ count: number }>('select count from state where id = $1', [stateId]);
  return row?.count ?? 0;
};

/** Reads a state as its readers do: cells joined with their columns, grouped by position. */
export const readStored = async (database: Queryable, stateId: string): Promise<StoredResult> => {
  const columns = await database.query<{ name: string }>(
    'select name from state_column where state_id = $1 order by display_order, id',
    [stateId],
  );
  const cells = await database.query<{ name: string; position: string; value: string | null }>(
    `select c.name, d.data_index::text as position, coalesce(d.data_value, d.data_json_value::text) as value
     from state_column c join state_column_data d on d.column_id = c.id
     where c.state_id = $1 order by d.data_index`,
    [stateId],
  );
  const [keys] = await database.query<{ keys: string }>(
    'select count(*)::text as keys from state_column_data_mapping where state_id = $1',
    [stateId],
  );
  const rows = new Map<number, Record<string, string | null>>();
  for (const { name, position, value } of cells) {
    const row = rows.get(Number(position)) ?? {};
    row[name] = value;
    rows.set(Number(position), row);
  }
  return {
    count: await readCount(database, stateId),
    columns: columns.map(({ name }) => name),
    rows: [...rows].map(([position, cellsOfRow]) => ({ position, cells: cellsOfRow })),
    cellCount: cells.length,
    mappedKeys: Number(keys?.keys ?? 0),
  };
};
