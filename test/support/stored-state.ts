import type { DatabasePool } from '../../shared/postgres/database.ts';

/** All that the tables hold of a state, in the order that its readers see. */
export interface StoredState {
  readonly count: number;
  readonly columns: readonly {
    readonly name: string;
    readonly data_type: string;
    readonly display_order: number | null;
  }[];
  readonly cells: readonly {
    readonly column: string;
    readonly data_index: number;
    readonly data_value: string | null;
    readonly data_json_value_text: string | null;
  }[];
  readonly mapping: readonly (readonly [stateKey: string, dataIndex: number])[];
}

export const readStored = async (pool: DatabasePool, stateId: string): Promise<StoredState> => {
  const [state] = await pool.query<{ count: number }>('select count from state where id = $1', [stateId]);
  if (!state) throw new Error(`there is no state ${stateId}`);
  const columns = await pool.query<StoredState['columns'][number]>(
    'select name, data_type, display_order from state_column where state_id = $1 order by id',
    [stateId],
  );
  const cells = await pool.query<StoredState['cells'][number]>(
    `select c.name as "column", d.data_index::int, d.data_value, d.data_json_value::text as data_json_value_text
       from state_column c join state_column_data d on d.column_id = c.id
      where c.state_id = $1 order by c.id, d.data_index`,
    [stateId],
  );
  const mapping = await pool.query<{ state_key: string; data_index: number }>(
    `select state_key, data_index::int from state_column_data_mapping
      where state_id = $1 order by data_index, state_key`,
    [stateId],
  );
  return {
    count: state.count,
    columns: [...columns],
    cells: [...cells],
    mapping: mapping.map(({ state_key, data_index }) => [state_key, data_index]),
  };
};
