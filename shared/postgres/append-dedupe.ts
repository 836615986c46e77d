import { cellList } from '../state/column-cells.ts';
import type { AppendDelivery, AppendedDelivery } from './append-request.ts';
import { appendStored, type AppendBatch, type AppendOnce } from './append-run.ts';
import { plainArray, textArray } from './array-literal.ts';
import type { DatabasePool, Queryable } from './database.ts';
import { missingState } from './missing-state.ts';
import type { TableNames } from './table-names.ts';

/**
 * `dedup_enabled`: leaves out rows whose key is mapped already or came earlier in the batch, and appends the rest
 * (reference.md G-8). All in one transaction that locks the state's row first. Whoever waits for the lock sees what its
 * holder committed, so concurrent writers never store a key twice.
 */
export const appendDeduplicated: AppendOnce = (pool: DatabasePool, batch) =>
  pool.transaction(async (connection) => {
    const { tables } = pool;
    const lock = `select from ${tables.state} where id = $1 for no key update`;
    if ((await connection.query(lock, [batch.stateId])).length === 0) {
      throw await missingState({ ...connection, tables }, batch.stateId);
    }
    const known = await connection.query<{ message_id: string }>(
      `select message_id from ${tables.ledger} where message_id = any($1::text[])`,
      [textArray(batch.deliveries.map(({ id }) => id))],
    );
    const knownIds = new Set(known.map(({ message_id: id }) => id));
    const unknown = batch.deliveries.filter(({ id }) => !knownIds.has(id));
    const mapped = await connection.query<{ key: string }>(mappedStatement(tables), [
      batch.stateId,
      textArray(keysOf(unknown)),
    ]);
    const taken = new Set(mapped.map(({ key }) => key));
    const storedRows = new Map<string, readonly number[]>();
    const filtered = batch.deliveries.map((delivery) => {
      if (knownIds.has(delivery.id)) return delivery;
      const rows = selectRows(delivery, (key) => !taken.has(key));
      for (const key of keysOf([withRows(delivery, rows)])) taken.add(key);
      storedRows.set(delivery.id, rows);
      return withRows(delivery, rows);
    });
    const results = await appendStored({ ...connection, tables }, { ...batch, deliveries: filtered });
    const earlier = await storedRowsOfDuplicates(connection, tables, batch, results);
    return results.map((result) => {
      if (result.status === 'rejected') return result;
      return { ...result, storedRows: storedRows.get(result.id) ?? earlier.get(result.id) ?? [] };
    });
  });

/**
 * The keys of the list that are mapped already. A mapping row beyond the count was left by a writer that deleted rows,
 * and takes no key. But the reference maps a key one behind its row (reference.md G-7), so for a mapping row right
 * behind the last row that row's own key is looked at. $1 state, $2 keys.
 */
const mappedStatement = (tables: TableNames): string => `
select k.key from unnest($2::text[]) k (key)
 where exists (
   select from ${tables.state} s join ${tables.mapping} m on m.state_id = s.id
    where s.id = $1 and m.state_key = k.key and (m.data_index < s.count or m.data_index = s.count and exists (
      select from ${tables.column} c join ${tables.cell} d on d.column_id = c.id
       where c.state_id = s.id and c.name = 'state_key' and d.data_index = s.count - 1 and d.data_value = k.key)))`;

const keysOf = (deliveries: readonly AppendDelivery[]): readonly string[] => [
  ...new Set(deliveries.flatMap(({ stateKeys }) => stateKeys.filter((key) => key !== null))),
];

/**
 * The rows of the delivery that pass, in order: the first row of each key that `taken` does not hold, and all rows
 * without a key.
 */
const selectRows = (delivery: AppendDelivery, passes: (key: string) => boolean): readonly number[] => {
  const rows: number[] = [];
  const seen = new Set<string>();
  for (let row = 0; row < delivery.rowCount; row += 1) {
    const key = delivery.stateKeys[row] ?? null;
    if (key === null) rows.push(row);
    else if (!seen.has(key) && passes(key)) {
      seen.add(key);
      rows.push(row);
    }
  }
  return rows;
};

const withRows = (delivery: AppendDelivery, rows: readonly number[]): AppendDelivery => ({
  ...delivery,
  rowCount: rows.length,
  cells: delivery.cells.map((column) => rows.map((row) => cellList(column)[row] ?? null)),
  stateKeys: rows.map((row) => delivery.stateKeys[row] ?? null),
});

/** Names which rows a delivery that was applied before stored: a redelivery forwards the same rows again. */
const storedRowsOfDuplicates = async (
  connection: Queryable,
  tables: TableNames,
  batch: AppendBatch,
  results: readonly AppendedDelivery[],
): Promise<ReadonlyMap<string, readonly number[]>> => {
  const deliveries = new Map(batch.deliveries.map((delivery) => [delivery.id, delivery]));
  const duplicates = results.filter(({ status, startIndex }) => status === 'duplicate' && startIndex !== null);
  const keys = keysOf(duplicates.flatMap(({ id }) => deliveries.get(id) ?? []));
  const stored = duplicates.map(() => new Set<string>());
  if (keys.length > 0) {
    const answers = await connection.query<{ delivery: number; key: string }>(storedStatement(tables), [
      batch.stateId,
      plainArray(duplicates.map(({ startIndex }) => startIndex)),
      plainArray(duplicates.map(({ rowCount }) => rowCount)),
      textArray(keys),
    ]);
    for (const { delivery, key } of answers) stored[delivery]?.add(key);
  }
  return new Map(
    duplicates.map(({ id }, index) => {
      const delivery = deliveries.get(id);
      return [id, delivery === undefined ? [] : selectRows(delivery, (key) => stored[index]?.has(key) === true)];
    }),
  );
};

/** The keys that were stored by deliveries applied before. $1 state, $2 starts, $3 rows. */
const storedStatement = (tables: TableNames): string => `
select r.n::int - 1 as delivery, m.state_key as key
  from unnest($2::bigint[], $3::int[]) with ordinality r (start, rows, n)
  join ${tables.mapping} m on m.state_id = $1 and m.data_index >= r.start and m.data_index < r.start + r.rows
   and m.state_key = any($4::text[])`;
