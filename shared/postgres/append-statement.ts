import type { ColumnDefinition } from '../state/state-model.ts';
import type { AppendDelivery } from './append-request.ts';
import { plainArray, textArray } from './array-literal.ts';
import type { TableNames } from './table-names.ts';

/**
 * Everything of an append in one statement, hence one round trip and one implicit transaction:
 *
 * 1. `known` asks the ledger; where it knows any of the ids, nothing is written and those rows are the answer;
 * 2. `reserved` takes the positions under the state's row lock, which is the first lock, so that writers never deadlock;
 * 3. `recorded` writes the ledger: a message that is being applied elsewhere fails here (23505), because the snapshot of
 *    `known` may be older than the lock;
 * 4. cells, column by column, and mapping rows.
 *
 * No row in the answer: there is no such state. No MERGE, no session state, nothing that a pooler or Citus lacks.
 *
 * $1 state, $2 rows; ledger: $3 ids, $4 offsets (null: no rows), $5 rows, $6 forwarded; cells: $7 column ids, $8 is json,
 * $9 texts column by column; mapping: $10 keys, $11 offsets.
 */
export const appendStatement = (tables: TableNames): string => `
with known as materialized (
  select message_id, start_index, row_count, forwarded from ${tables.ledger} where message_id = any($3::text[])),
reserved as (
  update ${tables.state} set count = count + $2::int
   where id = $1 and not exists (select from known)
  returning count::bigint - $2::int as start),
recorded as (
  insert into ${tables.ledger} (message_id, state_id, start_index, row_count, forwarded)
  select l.id, $1, r.start + l.first, l.rows, l.forwarded
    from reserved r, unnest($3::text[], $4::int[], $5::int[], $6::boolean[]) l (id, first, rows, forwarded)),
cells as (
  insert into ${tables.cell} (column_id, data_index, data_value, data_json_value)
  select ($7::bigint[])[1 + (u.n - 1) / $2::int], r.start + (u.n - 1) % $2::int,
         case when not ($8::boolean[])[1 + (u.n - 1) / $2::int] then u.v end,
         case when ($8::boolean[])[1 + (u.n - 1) / $2::int] then u.v::jsonb end
    from reserved r, unnest($9::text[]) with ordinality u (v, n)),
mapped as (
  insert into ${tables.mapping} (state_id, state_key, data_index)
  select $1, k.key, r.start + k.first from reserved r, unnest($10::text[], $11::int[]) k (key, first))
select start, null as message_id, null::int as row_count, null::boolean as forwarded from reserved
union all
select start_index, message_id, row_count, forwarded from known`;

/** Deliveries without any row touch no state: their ledger rows alone. $1 state, $2 ids, $3 forwarded. */
export const recordStatement = (tables: TableNames): string => `
with known as materialized (
  select message_id, start_index, row_count, forwarded from ${tables.ledger} where message_id = any($2::text[])),
recorded as (
  insert into ${tables.ledger} (message_id, state_id, row_count, forwarded)
  select l.id, $1, 0, l.forwarded from unnest($2::text[], $3::boolean[]) l (id, forwarded)
   where not exists (select from known))
select null::bigint as start, null as message_id, null::int as row_count, null::boolean as forwarded
 where not exists (select from known)
union all
select start_index, message_id, row_count, forwarded from known`;

/** A row of the answer: either the start (no `message_id`), or what the ledger knows of one id. Bigints come as text. */
export interface AppendAnswer {
  readonly start: string | null;
  readonly message_id: string | null;
  readonly row_count: number | null;
  readonly forwarded: boolean | null;
}

export interface BoundStatement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Per delivery, the offset of its first row within the reserved range; null where it has no rows. */
  readonly offsets: readonly (number | null)[];
}

/** Binds deliveries with unknown ids (each once) to the statement that stores them. Columns must have ids. */
export const bindAppend = (
  tables: TableNames,
  stateId: string,
  columns: readonly ColumnDefinition[],
  deliveries: readonly AppendDelivery[],
): BoundStatement => {
  const offsets: (number | null)[] = [];
  let rowCount = 0;
  for (const delivery of deliveries) {
    offsets.push(delivery.rowCount === 0 ? null : rowCount);
    rowCount += delivery.rowCount;
  }
  // One order for all writers, so that two of them that share ids never wait for each other in a circle.
  const ledger = deliveries
    .map(({ id, rowCount: rows, forwards }, index) => ({
      id,
      first: offsets[index] ?? null,
      rows,
      forwarded: !forwards,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const ids = textArray(ledger.map(({ id }) => id));
  const forwarded = plainArray(ledger.map((row) => row.forwarded));
  if (rowCount === 0) return { text: recordStatement(tables), values: [stateId, ids, forwarded], offsets };

  const cells = columns.flatMap((_, column) =>
    deliveries.flatMap((delivery) => delivery.cells[column] ?? nulls(delivery)),
  );
  const keys: string[] = [];
  const keyOffsets: number[] = [];
  let position = 0;
  for (const { stateKeys, rowCount: rows } of deliveries) {
    for (const [row, key] of stateKeys.entries()) {
      if (key === null) continue;
      keys.push(key);
      keyOffsets.push(position + row);
    }
    position += rows;
  }
  return {
    text: appendStatement(tables),
    values: [
      stateId,
      rowCount,
      ids,
      plainArray(ledger.map(({ first }) => first)),
      plainArray(ledger.map(({ rows }) => rows)),
      forwarded,
      `{${columns.map(({ id }) => id).join(',')}}`,
      plainArray(columns.map(({ dataType }) => dataType === 'json')),
      textArray(cells),
      textArray(keys),
      plainArray(keyOffsets),
    ],
    offsets,
  };
};

const nulls = ({ rowCount }: AppendDelivery): readonly null[] => Array.from({ length: rowCount }, () => null);
