import type { ColumnCells } from '../state/column-cells.ts';
import type { ColumnDefinition } from '../state/state-model.ts';
import type { AppendDelivery } from './append-request.ts';
import {
  binaryTextArray,
  binaryTextArrayInTurns,
  bytesArray,
  plainArray,
  textArray,
  type TextLists,
} from './array-literal.ts';
import { ledgerLookup } from './ledger-lookup.ts';
import type { TableNames } from './table-names.ts';

/** A row of the answer: either the start (no `message_id`), or what the ledger knows of one id. Bigints come as text. */
export interface AppendAnswer {
  readonly start: string | null;
  readonly message_id: string | null;
  readonly row_count: number | null;
  readonly forwarded: boolean | null;
  readonly state_id: string | null;
  /** 32 hex digits; null if it was applied before hashes were kept. */
  readonly content_hash: string | null;
}

export interface BoundStatement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Per delivery, the offset of its first row within the reserved range; null if it has no rows. */
  readonly offsets: readonly (number | null)[];
}

/** Binds deliveries with unknown ids (each once) to the statement that stores them. Columns must have ids. */
export const bindAppend = (
  tables: TableNames,
  stateId: string,
  columns: readonly ColumnDefinition[],
  deliveries: readonly AppendDelivery[],
  isTolerant = false,
  textsOf: (lists: TextLists) => unknown = binaryTextArray,
): BoundStatement => {
  const offsets: (number | null)[] = [];
  let rowCount = 0;
  for (const delivery of deliveries) {
    offsets.push(delivery.rowCount === 0 ? null : rowCount);
    rowCount += delivery.rowCount;
  }
  // One order for all writers, so that two of them that share ids never wait for each other in a circle.
  const ledger = deliveries
    .map(({ id, rowCount: rows, forwards, contentHash }, index) => ({
      id,
      hash: contentHash,
      first: offsets[index] ?? null,
      rows,
      forwarded: !forwards,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const ids = textArray(ledger.map(({ id }) => id));
  const forwarded = plainArray(ledger.map((row) => row.forwarded));
  const hashes = bytesArray(ledger.map(({ hash }) => hash));
  const statements = statementsFor(tables);
  if (rowCount === 0) return { text: statements.record, values: [stateId, ids, forwarded, hashes], offsets };

  const texts = cellsOf(columns, deliveries, false);
  const jsons = cellsOf(columns, deliveries, true);
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
  const values = [
    stateId,
    rowCount,
    ids,
    plainArray(ledger.map(({ first }) => first)),
    plainArray(ledger.map(({ rows }) => rows)),
    forwarded,
    texts.ids,
    textsOf(texts.values),
    textsOf([keys]),
    plainArray(keyOffsets),
    hashes,
  ];
  const { texts: textsOnly, all } = isTolerant ? statements.tolerant : statements.strict;
  if (jsons.values.length === 0) return { text: textsOnly, values, offsets };
  const json = [jsons.ids, textsOf(jsons.values)];
  return { text: all, values: [...values, ...json], offsets };
};

/**
 * The statement of `bindAppend` for a state that there is not, without deliveries: it finds nothing to write. Run first on
 * a session, it makes the server read what it must know of the tables, and keep the statement.
 */
export const bindNothing = (tables: TableNames): Pick<BoundStatement, 'text' | 'values'> => {
  const none = plainArray([]);
  const texts = binaryTextArray([[]]);
  return {
    text: statementsFor(tables).strict.texts,
    values: ['', 0, textArray([]), none, none, none, none, texts, texts, none, bytesArray([])],
  };
};

/** As `bindAppend`, for much at once: no turn of the event loop is taken for long. */
export const bindAppendInTurns = async (
  tables: TableNames,
  stateId: string,
  columns: readonly ColumnDefinition[],
  deliveries: readonly AppendDelivery[],
  isTolerant = false,
): Promise<BoundStatement> => {
  const statement = bindAppend(tables, stateId, columns, deliveries, isTolerant, (lists) => lists);
  const values: unknown[] = [];
  for (const value of statement.values) {
    values.push(Array.isArray(value) ? await binaryTextArrayInTurns(value as TextLists) : value);
  }
  return { ...statement, values };
};

/** About what the cells take that a statement of these deliveries binds, those of columns without a value included. */
export const boundBytes = (columnCount: number, deliveries: readonly AppendDelivery[]): number => {
  let total = 0;
  for (const { bytes, rowCount } of deliveries) total += bytes + rowCount * columnCount * emptyCellBytes;
  return total;
};

const emptyCellBytes = 16;

/** Made once for a pool's tables: a new text for each call would have to be hashed each time, to find its kept plan. */
const statementsFor = (tables: TableNames): Statements => {
  const known = made.get(tables);
  if (known !== undefined) return known;
  const statements = {
    record: recordStatement(tables),
    strict: { texts: appendStatement(tables, false, false), all: appendStatement(tables, true, false) },
    tolerant: { texts: appendStatement(tables, false, true), all: appendStatement(tables, true, true) },
  };
  made.set(tables, statements);
  return statements;
};

interface Statements {
  readonly record: string;
  readonly strict: CellStatements;
  readonly tolerant: CellStatements;
}

interface CellStatements {
  /** If no column is JSON. */
  readonly texts: string;
  readonly all: string;
}

const made = new WeakMap<TableNames, Statements>();

/** What is asked of the ledger, and what is answered if there is nothing to say: the columns of `AppendAnswer`. */
const ledgerColumns = `start_index, message_id, row_count, forwarded, state_id::text, encode(content_hash, 'hex') as content_hash`;

const unknown =
  'null::int as row_count, null::boolean as forwarded, null::text as state_id, null::text as content_hash';

/** Deliveries without any row touch no state: their ledger rows alone. $1 state, $2 ids, $3 forwarded, $4 content hashes. */
const recordStatement = (tables: TableNames): string => `
with known as materialized (${ledgerLookup(tables, '$2', ledgerColumns, 'for key share')}),
recorded as (
  insert into ${tables.ledger} (message_id, state_id, row_count, forwarded, content_hash)
  select l.id, $1, 0, l.forwarded, l.hash from unnest($2::text[], $3::boolean[], $4::bytea[]) l (id, forwarded, hash)
   where not exists (select from known))
select null::bigint as start, null as message_id, ${unknown} where not exists (select from known)
union all
select * from known`;

/** The JSON columns, or the others: their ids, and their cells column by column. */
const cellsOf = (
  columns: readonly ColumnDefinition[],
  deliveries: readonly AppendDelivery[],
  json: boolean,
): { readonly ids: string; readonly values: TextLists } => {
  const ids: (string | undefined)[] = [];
  const values: ColumnCells[] = [];
  let empty: readonly null[] = [];
  for (const [index, { id, dataType }] of columns.entries()) {
    if ((dataType === 'json') !== json) continue;
    ids.push(id);
    for (const delivery of deliveries) {
      const cells = delivery.cells[index];
      if (cells === undefined && empty.length !== delivery.rowCount) empty = nulls(delivery);
      values.push(cells === undefined ? empty : cells);
    }
  }
  return { ids: `{${ids.join(',')}}`, values };
};

const nulls = ({ rowCount }: AppendDelivery): readonly null[] => Array.from({ length: rowCount }, () => null);

/**
 * Everything of an append in one statement, hence one round trip and one implicit transaction:
 *
 * 1. `known` asks the ledger. If it knows any of the ids, nothing is stored and those rows are the answer. Their lock is
 * written to the log, so that the answer waits, as their own commit had to, until a synchronous standby has them. If
 * nothing is known it costs nothing.
 * 2. `reserved` takes the positions under the state's row lock. It is the first lock, so writers never deadlock.
 * 3. `recorded` writes the ledger. A message that is being applied elsewhere fails here (23505), because the snapshot
 * of `known` may be older than the lock.
 * 4. Cells are written column by column, then mapping rows. One slice of the values per column is unnested beside its
 * positions in the select list, which streams; `from unnest` would write all values to a work table first. With
 * `isTolerant` a mapping row that is there already stays (the reference maps one behind the row, reference.md G-7).
 *
 * No row in the answer means that there is no such state. There is no MERGE, no session state, nothing that a pooler or
 * Citus lacks.
 *
 * Parameters:
 * - $1 state, $2 rows;
 * - ledger: $3 ids, $4 offsets (null: no rows), $5 rows, $6 forwarded, $11 content hashes;
 * - cells: $7 ids of the text columns, $8 their values; only with JSON columns: $12 their ids, $13 their values;
 * - mapping: $9 keys, $10 offsets.
 */
const appendStatement = (tables: TableNames, hasJson: boolean, isTolerant: boolean): string => `
with known as materialized (${ledgerLookup(tables, '$3', ledgerColumns, 'for key share')}),
reserved as (
  update ${tables.state} set count = count + $2::int
   where id = $1 and not exists (select from known)
  returning count::bigint - $2::int as start),
recorded as (
  insert into ${tables.ledger} (message_id, state_id, start_index, row_count, forwarded, content_hash)
  select l.id, $1, r.start + l.first, l.rows, l.forwarded, l.hash
    from reserved r, (
      select unnest($3::text[]), unnest($4::int[]), unnest($5::int[]), unnest($6::boolean[]), unnest($11::bytea[])
    ) l (id, first, rows, forwarded, hash)),
texts as (${cellInsert(tables, 'data_value', '$7', '$8', '')}),
${hasJson ? `jsons as (${cellInsert(tables, 'data_json_value', '$12', '$13', '::jsonb')}),` : ''}
mapped as (
  insert into ${tables.mapping} (state_id, state_key, data_index)
  select $1, k.key, r.start + k.first from reserved r, (select unnest($9::text[]), unnest($10::int[])) k (key, first)
      ${isTolerant ? 'on conflict do nothing' : ''})
select start, null as message_id, ${unknown} from reserved
union all
select * from known`;

/** The cells of the columns `ids`, whose values stand in `values` column by column, $2 of each. */
const cellInsert = (tables: TableNames, target: string, ids: string, values: string, cast: string): string => `
  insert into ${tables.cell} (column_id, data_index, ${target})
  select c.id, generate_series(r.start, r.start + ($2::int - 1)),
         unnest((${values}::text[])[(c.n - 1) * $2::int + 1 : c.n * $2::int])${cast}
    from reserved r, unnest(${ids}::bigint[]) with ordinality c (id, n)`;
