import type { ColumnCells } from '../state/column-cells.ts';
import type { ColumnDefinition } from '../state/state-model.ts';
import type { AppendRequest } from './append-request.ts';
import { BinaryInts, binaryIntArray, binaryTextArray, bytesArray, plainArray, textArray } from './array-literal.ts';
import type { TableNames } from './table-names.ts';

/** The one row of the answer: per state, in the order bound, the position of its first new row; null: nothing was stored. */
export interface AppendManyAnswer {
  /** An array as PostgreSQL writes it. */
  readonly starts: string;
}

/** The statement that stores requests of several states, each of a state of its own, with rows and columns that have ids. */
export const bindAppendMany = (
  tables: TableNames,
  requests: readonly AppendRequest[],
): { readonly text: string; readonly values: readonly unknown[] } => {
  const ledger: LedgerRow[] = [];
  const stateRows: number[] = [];
  const keys: MappedKeys = { texts: [], states: [], offsets: [] };
  for (const [index, { deliveries }] of requests.entries()) {
    const state = index + 1;
    let rows = 0;
    for (const { id, rowCount, forwards, contentHash, stateKeys } of deliveries) {
      const first = rowCount === 0 ? null : rows;
      ledger.push({ id, state, first, rows: rowCount, forwarded: !forwards, hash: contentHash });
      for (let row = 0; row < stateKeys.length; row += 1) {
        const key = stateKeys[row] ?? null;
        if (key !== null) addKey(keys, key, state, rows + row);
      }
      rows += rowCount;
    }
    stateRows.push(rows);
  }
  // One order for all writers, so that two of them that share ids never wait for each other in a circle.
  ledger.sort((a, b) => (a.id < b.id ? -1 : 1));
  const values = [
    textArray(requests.map(({ stateId }) => stateId)),
    plainArray(stateRows),
    textArray(ledger.map(({ id }) => id)),
    plainArray(ledger.map(({ state }) => state)),
    plainArray(ledger.map(({ first }) => first)),
    plainArray(ledger.map(({ rows }) => rows)),
    plainArray(ledger.map(({ forwarded }) => forwarded)),
    bytesArray(ledger.map(({ hash }) => hash)),
    binaryTextArray([keys.texts]),
    binaryIntArray(keys.states),
    binaryIntArray(keys.offsets),
    ...boundCells(requests, stateRows, false),
  ];
  const statements = statementsFor(tables);
  if (!requests.some(({ columns }) => columns.some(isJson))) return { text: statements.texts, values };
  return { text: statements.all, values: [...values, ...boundCells(requests, stateRows, true)] };
};

const isJson = ({ dataType }: ColumnDefinition): boolean => dataType === 'json';

interface LedgerRow {
  readonly id: string;
  /** Which of the states, counted from 1. */
  readonly state: number;
  readonly first: number | null;
  readonly rows: number;
  readonly forwarded: boolean;
  readonly hash: string | null;
}

interface MappedKeys {
  readonly texts: string[];
  readonly states: number[];
  readonly offsets: number[];
}

const addKey = ({ texts, states, offsets }: MappedKeys, key: string, state: number, offset: number): void => {
  texts.push(key);
  states.push(state);
  offsets.push(offset);
};

/**
 * The cells of the JSON columns, or of the others, in the order in which they are written: by state, column and row. Their columns,
 * states, offsets and values.
 */
const boundCells = (
  requests: readonly AppendRequest[],
  stateRows: readonly number[],
  json: boolean,
): readonly Buffer[] => {
  let count = 0;
  for (const [index, { columns }] of requests.entries()) {
    for (const column of columns) if (isJson(column) === json) count += stateRows[index]!;
  }
  const ids = new BinaryInts(count);
  const states = new BinaryInts(count);
  const offsets = new BinaryInts(count);
  const values: ColumnCells[] = [];
  for (let index = 0; index < requests.length; index += 1) {
    const { columns, deliveries } = requests[index]!;
    const rows = stateRows[index]!;
    for (let column = 0; column < columns.length; column += 1) {
      if (isJson(columns[column]!) !== json) continue;
      const id = Number(columns[column]!.id);
      for (let row = 0; row < rows; row += 1) {
        ids.push(id);
        states.push(index + 1);
        offsets.push(row);
      }
      for (const { rowCount, cells } of deliveries)
        values.push(column < cells.length ? cells[column]! : nulls(rowCount));
    }
  }
  return [ids.bytes, states.bytes, offsets.bytes, binaryTextArray(values)];
};

const nulls = (rowCount: number): readonly null[] => Array.from({ length: rowCount }, () => null);

interface Statements {
  /** If no cell is JSON. */
  readonly texts: string;
  readonly all: string;
}

const made = new WeakMap<TableNames, Statements>();

/** Made once for a pool's tables, as the text of a statement is the name of its kept plan. */
const statementsFor = (tables: TableNames): Statements => {
  const known = made.get(tables);
  if (known !== undefined) return known;
  const statements = { texts: appendManyStatement(tables, false), all: appendManyStatement(tables, true) };
  made.set(tables, statements);
  return statements;
};

/**
 * What an append of one state is, for many states at once:
 *
 * - M1 A state that has a message which the ledger knows stores nothing here: `known` has its ordinal.
 * - M2 A state whose row somebody else holds is left out, not waited for. So writers of overlapping sets of states never
 *   wait for each other here, let alone in a circle, and nobody's states wait for a state of somebody else. A state that is gone, or that
 *   may not be changed, is left out too.
 * - M3 All states are locked before any is counted up, and all are counted up before anything is inserted: `starts` is one row,
 *   made of all of them, and every insert reads it.
 * - M4 The ledger is written in the order of the ids. A message that is being applied elsewhere fails here (23505).
 * - M5 Nothing else is skipped: whatever the database refuses ends the whole statement.
 *
 * What is left out has no start in the answer, and is appended by itself. Rows are looked up id by id, as in `ledgerLookup`.
 *
 * Parameters:
 * - $1 states, $2 rows of each; all others name a state by its ordinal in $1, counted from 1;
 * - ledger: $3 ids, $4 states, $5 offsets (null: no rows), $6 rows, $7 forwarded, $8 content hashes;
 * - mapping: $9 keys, $10 states, $11 offsets;
 * - cells: $12 columns, $13 states, $14 offsets, $15 values; those of JSON columns: $16 to $19.
 */
const appendManyStatement = (tables: TableNames, hasJson: boolean): string => `
with known as materialized (
  select i.state
    from (select id, state from unnest($3::text[], $4::int[]) i (id, state) limit cardinality($3::text[])) i
   cross join lateral (select from ${tables.ledger} where message_id = i.id) l),
locked as materialized (
  select i.n, i.rows, s.id
    from (select id, rows, n from unnest($1::text[], $2::int[]) with ordinality i (id, rows, n)
           where n <> all (array(select state from known)) limit cardinality($1::text[])) i
   cross join lateral (select id from ${tables.state} where id = i.id for no key update skip locked) s),
reserved as (
  update ${tables.state} s set count = s.count + l.rows
    from locked l where s.id = l.id and (select count(*) from locked) > 0
  returning l.n, s.count::bigint - l.rows as start),
starts as materialized (
  select array_agg(r.start order by n) as starts
    from generate_series(1, cardinality($1::text[])) n left join reserved r using (n)),
recorded as (
  insert into ${tables.ledger} (message_id, state_id, start_index, row_count, forwarded, content_hash)
  select l.id, ($1::text[])[l.state], s.starts[l.state] + l.first, l.rows, l.forwarded, l.hash
    from starts s, (
      select unnest($3::text[]), unnest($4::int[]), unnest($5::int[]), unnest($6::int[]), unnest($7::boolean[]), unnest($8::bytea[])
    ) l (id, state, first, rows, forwarded, hash)
   where s.starts[l.state] is not null),
texts as (${cellInsert(tables, 'data_value', 12, '')}),
${hasJson ? `jsons as (${cellInsert(tables, 'data_json_value', 16, '::jsonb')}),` : ''}
mapped as (
  insert into ${tables.mapping} (state_id, state_key, data_index)
  select ($1::text[])[k.state], k.key, s.starts[k.state] + k.first
    from starts s, (select unnest($9::text[]), unnest($10::int[]), unnest($11::int[])) k (key, state, first)
   where s.starts[k.state] is not null)
select starts::text as starts from starts`;

/** The cells of the four parameters from `first` on. */
const cellInsert = (tables: TableNames, target: string, first: number, cast: string): string => `
  insert into ${tables.cell} (column_id, data_index, ${target})
  select c.id, s.starts[c.state] + c.first, c.value${cast}
    from starts s, (
      select unnest($${first}::int[]), unnest($${first + 1}::int[]), unnest($${first + 2}::int[]), unnest($${first + 3}::text[])
    ) c (id, state, first, value)
   where s.starts[c.state] is not null`;
