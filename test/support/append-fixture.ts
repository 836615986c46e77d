import { contentHash } from '../../shared/message/content-hash.ts';
import type { AppendDelivery } from '../../shared/postgres/append-request.ts';
import type { Queryable } from '../../shared/postgres/database.ts';
import type { ColumnDefinition } from '../../shared/state/state-model.ts';

/** A column that does not exist in the database yet. */
export const newColumn = (name: string, dataType = 'str'): ColumnDefinition => ({
  name,
  dataType,
  displayOrder: null,
  value: null,
  callable: false,
});

/** A delivery of whole rows: `rows[i][c]` is the cell of column c; keys default to none. */
export const deliveryOf = (
  id: string,
  rows: readonly (readonly (string | null)[])[],
  options: {
    readonly keys?: readonly (string | null)[];
    readonly forwards?: boolean;
    readonly content?: string | null;
  } = {},
): AppendDelivery => ({
  id,
  rowCount: rows.length,
  cells: (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? null)),
  stateKeys: options.keys ?? rows.map(() => null),
  bytes: rows.flat().reduce((sum, cell) => sum + (cell?.length ?? 0), 0),
  forwards: options.forwards ?? false,
  contentHash: options.content === null ? null : contentHash(Buffer.from(options.content ?? JSON.stringify(rows))),
});

export const insertState = async (connection: Queryable, stateId: string): Promise<void> => {
  await connection.query('insert into state (id) values ($1)', [stateId]);
};

export interface StoredState {
  readonly count: number;
  /** Per position, column name -> text (JSON columns as JSON text); positions without any cell are absent. */
  readonly rows: ReadonlyMap<number, Readonly<Record<string, string | null>>>;
  readonly mapping: readonly { readonly key: string; readonly index: number }[];
}

/** Reads a state cell by cell, independent of the code under test. */
export const readStored = async (connection: Queryable, stateId: string): Promise<StoredState> => {
  const [state] = await connection.query<{ count: number }>('select count from state where id = $1', [stateId]);
  const cells = await connection.query<{ name: string; index: string; text: string | null }>(
    `select c.name, d.data_index as index, case when c.data_type = 'json' then d.data_json_value::text else d.data_value end as text
       from state_column c join state_column_data d on d.column_id = c.id
      where c.state_id = $1 order by d.data_index, c.id`,
    [stateId],
  );
  const mapping = await connection.query<{ key: string; index: string }>(
    'select state_key as key, data_index as index from state_column_data_mapping where state_id = $1 order by 2, 1',
    [stateId],
  );
  const rows = new Map<number, Record<string, string | null>>();
  for (const { name, index, text } of cells) {
    const row = rows.get(Number(index)) ?? {};
    row[name] = text;
    rows.set(Number(index), row);
  }
  return {
    count: state?.count ?? -1,
    rows,
    mapping: mapping.map(({ key, index }) => ({ key, index: Number(index) })),
  };
};
