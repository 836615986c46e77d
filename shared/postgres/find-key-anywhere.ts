import { stateKey } from '../state/state-key.ts';
import { textArray } from './array-literal.ts';
import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';

/** A row that carries a key. */
export interface KeyedRow {
  readonly stateId: string;
  readonly stateName: string | null;
  readonly position: number;
}

/** States whose key is computed; beyond this a row is found on the page of its state. */
const maxStates = 5_000;

/**
 * Rows of any state that have the key, newest first within a state. The text is a whole `state_key`, a whole `state_key_plain`, or the
 * value of a key of one column. Costs an index look-up for each state: no cell is read.
 */
export const findKeyAnywhere = async (
  pool: DatabasePool,
  text: string,
  limit: number,
): Promise<readonly KeyedRow[]> => {
  const { state, stateConfig, keyDefinition, mapping } = pool.tables;
  const ofOneColumn = await withDatabaseErrors('read the keys of states', () =>
    pool.query<{ readonly stateId: string; readonly name: string }>(
      `select state_id as "stateId", min(coalesce(nullif(alias, ''), name)) as name from ${keyDefinition}
        where definition_type = 'primary_key' group by state_id having count(*) = 1 order by state_id limit ${maxStates}`,
    ),
  );
  const wanted = ofOneColumn.flatMap(({ stateId, name }) =>
    readings(text).map((value) => ({ stateId, key: stateKey(new Map([[name, value]])) })),
  );
  return await withDatabaseErrors('find a key', () =>
    pool.query<KeyedRow>(
      `select m.state_id as "stateId", n.data as "stateName", m.data_index::float8 as position
         from (select id::text as state_id, key from (select id from ${state} limit ${maxStates}) s cross join unnest($3::text[]) key
               union select * from unnest($1::text[], $2::text[])) wanted
         join ${mapping} m on m.state_id = wanted.state_id and m.state_key = wanted.key
         join ${state} s on s.id = m.state_id and m.data_index < s.count
         left join ${stateConfig} n on n.state_id = s.id and n.attribute = 'name'
        order by m.state_id, position desc limit $4`,
      [
        textArray(wanted.map(({ stateId }) => stateId)),
        textArray(wanted.map(({ key }) => key)),
        textArray(wholeKeys(text)),
        limit,
      ],
    ),
  );
};

/** What a value that is written so may be in a message: a text, or a whole number. */
const readings = (text: string): readonly (string | number)[] =>
  /^(0|-?[1-9]\d{0,14})$/.test(text) ? [text, Number(text)] : [text];

/** The text as a `state_key`, and as what is hashed to one. */
const wholeKeys = (text: string): readonly string[] => {
  const plain = plainKeyOf(text);
  return plain === undefined ? [text] : [text, stateKey(plain)];
};

/** The names and values of a `state_key_plain`: pairs of a name and a text, a number or null. */
const plainKeyOf = (text: string): ReadonlyMap<string, string | number | null> | undefined => {
  if (!text.startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const pairs = Array.isArray(value) ? (value as readonly unknown[]) : [];
  const isPair = (pair: unknown): pair is readonly [string, string | number | null] =>
    Array.isArray(pair) &&
    pair.length === 2 &&
    typeof pair[0] === 'string' &&
    (pair[1] === null || typeof pair[1] === 'string' || Number.isSafeInteger(pair[1]));
  return pairs.length > 0 && pairs.every(isPair) ? new Map(pairs) : undefined;
};
