import { RetryableError } from '../errors/sync-error.ts';
import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool, ResultRow } from './database.ts';
import type { TableNames } from './table-names.ts';

/** Whether the database itself refuses a second cell at one position of a column, whatever the index is called. */
export const hasCellIndex = async (pool: DatabasePool): Promise<boolean> => {
  const [row] = await pool.query<FoundRow>(cellIndexStatement('$1'), [pool.tables.cell]);
  return row?.found === true;
};

/** The same question without parameters; `noteCellIndex` takes the rows of its answer. */
export const cellIndexQuestion = ({ cell }: TableNames): string =>
  cellIndexStatement(`'${cell.replaceAll("'", "''")}'`);

/** Makes `requireCellIndex` ask no more if the index was found. */
export const noteCellIndex = (pool: DatabasePool, rows: readonly ResultRow[] | undefined): void => {
  if ((rows as readonly FoundRow[] | undefined)?.[0]?.found === true) checked.add(pool);
};

const checked = new WeakSet<DatabasePool>();

/**
 * Makes sure, once for each pool, that a position which another writer has taken is noticed.
 *
 * @throws RetryableError `database_misconfigured` if nothing would notice: two rows would be stored as one.
 */
export const requireCellIndex = async (pool: DatabasePool): Promise<void> => {
  if (checked.has(pool)) return;
  if (!(await withDatabaseErrors('look for the index of the cells', () => hasCellIndex(pool)))) {
    const text = `${pool.tables.cell} at ${pool.address} has no unique index on (column_id, data_index): state-sync migrate`;
    throw new RetryableError('database_misconfigured', text);
  }
  checked.add(pool);
};

interface FoundRow {
  readonly found: boolean;
}

/** @param table the parameter or the literal that names the table of the cells */
const cellIndexStatement = (table: string): string => `select exists (
  select from pg_index i
   where i.indrelid = to_regclass(${table}) and i.indisunique and i.indisvalid and i.indpred is null
     and i.indnkeyatts = 2 and (
       select array_agg(a.attname::text order by a.attname) from pg_attribute a
        where a.attrelid = i.indrelid and a.attnum in (i.indkey[0], i.indkey[1])) = array['column_id', 'data_index']
) as found`;
