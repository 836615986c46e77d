import type { DatabasePool } from '../../shared/postgres/database.ts';
import { columnNames, type BenchState } from './databases.ts';
import { naturalRows } from './words.ts';

/** Rows of one statement: what it holds in memory stays small, and people see how far it is. */
const stepRows = 100_000;
/** How long the ledger has been growing. */
const ledgerDays = 7;

/** One after the other the ranges of `total` rows, each filled by one statement that asks neither triggers nor foreign keys. */
const inSteps = async (
  pool: DatabasePool,
  total: number,
  note: (rows: number) => void,
  fill: (from: number, to: number) => readonly [text: string, values: readonly unknown[]],
): Promise<void> => {
  for (let from = 0; from < total; from += stepRows) {
    const [text, values] = fill(from, Math.min(total, from + stepRows) - 1);
    await pool.transaction(async (connection) => {
      await connection.query('set local session_replication_role = replica');
      await connection.query(text, [...values]);
    });
    note(Math.min(total, from + stepRows));
  }
};

/** The stream of the messages that the ledger is filled with. */
export const filledStream = 'processor_state_sync';

/** Ledger rows of messages, every other one with an id that its producer drew at random, which is what costs an index most. */
export const fillLedger = async (
  pool: DatabasePool,
  stateId: string,
  total: number,
  note: (rows: number) => void,
): Promise<void> =>
  inSteps(pool, total, note, (from, to) => [
    `insert into ${pool.tables.ledger} (message_id, state_id, start_index, row_count, forwarded, applied_at, content_hash)
     select '${filledStream}/' || case when i % 2 = 0 then gen_random_uuid()::text
                                       else (10000000 + i) || '@1790000000000000000' end, $1, i, 1, true,
            now() - interval '${ledgerDays} days' * (1 - i / $2::float8), decode(md5(i::text), 'hex')
       from generate_series($3::bigint, $4::bigint) i order by 1`,
    [stateId, total, from, to],
  ]);

/** Rows of a state with all its columns, and their keys. */
export const fillState = async (
  pool: DatabasePool,
  { stateId, columns }: BenchState,
  total: number,
  note: (rows: number) => void,
): Promise<void> => {
  const texts = naturalRows(5_000 / columnNames.length, columnNames.length, 31).flat();
  await inSteps(pool, total, note, (from, to) => [
    `insert into ${pool.tables.cell} (column_id, data_index, data_value)
     select c.id, i, t.value
       from generate_series($1::bigint, $2::bigint) i
      cross join unnest($3::bigint[]) with ordinality c (id, n)
       join unnest($4::text[]) with ordinality t (value, n) on t.n = 1 + (i * ${columnNames.length} + c.n) % ${texts.length}
      order by i / 100, c.id, i`,
    [from, to, columns.map(({ id }) => id), texts],
  ]);
  await inSteps(pool, total, note, (from, to) => [
    `insert into ${pool.tables.mapping} (state_id, state_key, data_index)
     select $1, encode(sha256(i::text::bytea), 'hex'), i from generate_series($2::bigint, $3::bigint) i order by 2`,
    [stateId, from, to],
  ]);
  await pool.query(`update ${pool.tables.state} set count = $2 where id = $1`, [stateId, total]);
};
