import { randomUUID } from 'node:crypto';
import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';

/** A column that a new state has from its start; the others are made by the data. */
export interface NewColumn {
  readonly name: string;
  /** `str`, `int`, `float`, `bool` or `json`. */
  readonly dataType: string;
  /** The constant that every row gets; null: none. */
  readonly value: string | null;
}

export interface NewState {
  readonly name: string;
  readonly projectId: string | null;
  /** Columns that make the primary key, in this order. */
  readonly keys: readonly string[];
  readonly columns: readonly NewColumn[];
}

/**
 * Makes a state with the rows that `alethic-ism-db` writes for one (reference.md E.1, E.4): type `StateConfig`, name and storage
 * class, columns, primary key. All in one transaction.
 * @returns its id; undefined if there is a state of this name already
 */
export const createState = (pool: DatabasePool, state: NewState): Promise<string | undefined> =>
  withDatabaseErrors('create a state', () =>
    pool.transaction(async (connection) => {
      const { tables } = pool;
      // Two that create the same name wait for each other.
      await connection.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`state ${state.name}`]);
      const taken = await connection.query(
        `select from ${tables.stateConfig} where attribute = 'name' and data = $1 limit 1`,
        [state.name],
      );
      if (taken.length > 0) return undefined;
      const id = randomUUID();
      await connection.query(
        `insert into ${tables.state} (id, project_id, state_type, properties) values ($1, $2, 'StateConfig', null)`,
        [id, state.projectId],
      );
      await connection.query(
        `insert into ${tables.stateConfig} (state_id, attribute, data) values ($1, 'name', $2), ($1, 'storage_class', 'database')`,
        [id, state.name],
      );
      for (const [order, { name, dataType, value }] of state.columns.entries()) {
        await connection.query(
          `insert into ${tables.column} (state_id, name, data_type, required, callable, min_length, max_length, dimensions, value, display_order)
           values ($1, $2, $3, true, false, null, null, null, $4, $5)`,
          [id, name, dataType, value, order],
        );
      }
      for (const name of state.keys) {
        await connection.query(
          `insert into ${tables.keyDefinition} (state_id, name, alias, required, callable, definition_type)
           values ($1, $2, null, false, false, 'primary_key')`,
          [id, name],
        );
      }
      return id;
    }),
  );
