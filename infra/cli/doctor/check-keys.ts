import type { FunctionConfig } from '../../../shared/config/function-config.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { commonKeyOrder, keyOrderOf, type StoredKey } from '../../../shared/state/key-order.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** States whose keys are looked at. */
const maxStates = 200;

interface KeyedState extends Omit<StoredKey, 'text'> {
  readonly id: string;
  /** The oldest key that is stored; null if there is none. */
  readonly text: string | null;
}

/** Are composite keys made in the order of those that are stored already. Another order gives the same row another key. */
export const checkKeys = async (pool: DatabasePool, config: FunctionConfig): Promise<readonly Finding[]> => {
  const { keyDefinition, column, cell } = pool.tables;
  const states = await pool.query<KeyedState>(
    `with keys as (
       select state_id, json_agg(coalesce(nullif(alias, ''), name) order by id) as by_id,
              json_agg(coalesce(nullif(alias, ''), name) order by name, id) as by_name
         from ${keyDefinition} where definition_type = 'primary_key' group by state_id having count(*) > 1)
     select k.state_id as id, k.by_id as "byId", k.by_name as "byName",
            (select d.data_json_value::text from ${column} c join ${cell} d on d.column_id = c.id
              where c.state_id = k.state_id and c.name = 'state_key_plain' order by d.data_index limit 1) as text
       from keys k where k.by_id::text <> k.by_name::text order by k.state_id limit ${maxStates}`,
  );
  if (states.length === 0) return [ok('keys', 'keys_have_one_order', 'no composite key depends on an order')];
  const stored = states.flatMap((state) => (state.text === null ? [] : [{ ...state, text: state.text }]));
  const order = commonKeyOrder(stored);
  if (order === undefined) {
    return [
      ok('keys', 'key_order_unknown', `no stored composite key tells its order: they are made by ${config.keyOrder}`),
    ];
  }
  if (order === config.keyOrder) return [ok('keys', 'key_order_kept', `stored composite keys are made by ${order}`)];
  const others = stored.filter((state) => (keyOrderOf(state) ?? config.keyOrder) !== config.keyOrder);
  const what = `the keys of ${others.length} ${others.length === 1 ? 'state' : 'states'} are not made by ${config.keyOrder} (${others[0]?.id}): the same row gets another key`;
  return order === 'mixed'
    ? [
        warn(
          'keys',
          'key_order_mixed',
          `${what}; those of other states are`,
          'choose the order of the states that still get rows: STATE_SYNC_KEY_ORDER',
        ),
      ]
    : [fail('keys', 'key_order_differs', what, `set STATE_SYNC_KEY_ORDER=${order} for the functions`)];
};
