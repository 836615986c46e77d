import { readdir, readFile } from 'node:fs/promises';
import { createPool } from '../../shared/postgres/pool.ts';
import { quoteIdentifier, type SchemaOptions } from '../../shared/postgres/table-names.ts';

const folder = new URL('.', import.meta.url);
const sharedFile = '001_ism_tables.sql';
/** Serialises migrations that start together; any number that nobody else uses. */
const migrationLock = 5_172_013_901;

export interface MigrateOptions extends SchemaOptions {
  /** libpq's environment variables, for what the connection string leaves open; default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Creates what is missing of the schema: safe to run at every start, and from several processes at once.
 *
 * Needs a direct connection: it keeps one transaction with an advisory lock, and runs files of several commands.
 *
 * A role that may create nothing can run it on a database that lacks nothing.
 *
 * @returns the names of the files that ran; none if nothing was missing.
 */
export const migrate = async (databaseUrl: string, options: MigrateOptions = {}): Promise<readonly string[]> => {
  const files = (await readdir(folder)).filter((name) => /^\d{3}_.*\.sql$/.test(name)).toSorted();
  const applied: string[] = [];
  const pool = createPool(databaseUrl, {
    max: 1,
    queryTimeoutMs: 600_000,
    applicationName: 'state-sync-migrate',
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  try {
    await pool.transaction(async (connection) => {
      await connection.query('select pg_advisory_xact_lock($1)', [migrationLock]);
      if (options.tableSchema !== undefined) {
        // Not `if not exists`: that needs the right to create one even where it exists.
        const found = await connection.query('select from pg_namespace where nspname = $1', [options.tableSchema]);
        if (found.length === 0) await connection.query(`create schema ${quoteIdentifier(options.tableSchema)}`);
        await connection.query(`set local search_path = ${quoteIdentifier(options.tableSchema)}, public`);
      }
      const prefix = options.tableSchema === undefined ? '' : `${quoteIdentifier(options.tableSchema)}.`;
      const [found] = await connection.query<{ state: string | null }>('select to_regclass($1)::text as state', [
        `${prefix}state`,
      ]);
      for (const file of files) {
        if (file === sharedFile && found?.state != null) continue;
        const text = await readFile(new URL(file, folder), 'utf8');
        await connection.query(renameSchema(text, options.ledgerSchema ?? 'state_sync'));
        applied.push(file);
      }
      // Each file asks before it creates: a transaction that wrote nothing has no number.
      const [end] = await connection.query<{ wrote: boolean }>(
        'select txid_current_if_assigned() is not null as wrote',
      );
      if (end?.wrote !== true) applied.length = 0;
    });
  } finally {
    await pool.end();
  }
  return applied;
};

/** The files say `state_sync` as an identifier, as a text of one (in quotes), and within a text before a table's name. */
const renameSchema = (text: string, schema: string): string =>
  text
    .replaceAll(`'state_sync'`, `'${quoteIdentifier(schema).replaceAll("'", "''")}'`)
    .replaceAll(/(?<=')state_sync(?=\.)/g, () => quoteIdentifier(schema).replaceAll("'", "''"))
    .replaceAll(/(?<!['"])\bstate_sync\b(?=[.;])/g, () => quoteIdentifier(schema));
