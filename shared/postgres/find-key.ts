import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';

/**
 * The positions of a state's rows that carry a key, newest first: a `state_key`, or the text of a `state_key_plain`, or a part of
 * that text such as one value of the key.
 */
export const findKey = async (
  pool: DatabasePool,
  stateId: string,
  key: string,
  limit: number,
): Promise<readonly number[]> => {
  const { column, cell } = pool.tables;
  const find = (condition: string): Promise<readonly { readonly position: number }[]> =>
    withDatabaseErrors('find a key', () =>
      pool.query(
        `select distinct d.data_index::float8 as position from ${column} c join ${cell} d on d.column_id = c.id
          where c.state_id = $1 and ${condition} order by position desc limit $3`,
        [stateId, key, limit],
      ),
    );
  const text = `coalesce(d.data_value, d.data_json_value::text)`;
  const whole = await find(
    `(c.name = 'state_key' and d.data_value = $2 or c.name = 'state_key_plain' and ${text} = $2)`,
  );
  const found = whole.length > 0 ? whole : await find(`c.name = 'state_key_plain' and strpos(${text}, $2) > 0`);
  return found.map(({ position }) => position);
};
