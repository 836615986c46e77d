import { randomUUID } from 'node:crypto';

import type { DatabasePool } from '../../shared/postgres/database.ts';

export interface StateFixture {
  readonly stateId: string;
  /** OUTPUT route: a processor's rows arrive here. */
  readonly outputRouteId: string;
  /** INPUT routes: the processors behind the state. */
  readonly inputRouteIds: readonly string[];
}

export interface StateFixtureOptions {
  readonly properties?: unknown;
  readonly primaryKey?: readonly string[];
  readonly columns?: readonly {
    readonly name: string;
    readonly dataType?: string;
    readonly value?: string;
    readonly callable?: boolean;
  }[];
  /** How many processors stand behind the state. */
  readonly processorsBehind?: number;
}

/** A project's state with a processor before it and some behind it, as the user interface writes them. */
export const createState = async (pool: DatabasePool, options: StateFixtureOptions = {}): Promise<StateFixture> => {
  const stateId = randomUUID();
  await pool.query(`insert into user_profile (user_id, email) values ('u1', 'u1@example.org') on conflict do nothing`);
  await pool.query(
    `insert into user_project (project_id, project_name, user_id) values ('p1', 'tests', 'u1') on conflict do nothing`,
  );
  await pool.query(`insert into state (id, state_type, count, properties) values ($1, 'StateConfig', 0, $2::jsonb)`, [
    stateId,
    options.properties === undefined ? null : JSON.stringify(options.properties),
  ]);
  for (const name of options.primaryKey ?? []) {
    await pool.query(
      `insert into state_column_key_definition (state_id, name, definition_type) values ($1, $2, 'primary_key')`,
      [stateId, name],
    );
  }
  for (const [order, column] of (options.columns ?? []).entries()) {
    await pool.query(
      `insert into state_column (state_id, name, data_type, value, callable, display_order) values ($1, $2, $3, $4, $5, $6)`,
      [stateId, column.name, column.dataType ?? 'str', column.value ?? null, column.callable ?? false, order],
    );
  }
  const createProcessor = async (): Promise<string> => {
    const id = randomUUID();
    const providerId = 'test/processors/echo';
    await pool.query(
      `insert into processor_provider (id, name, version, class_name) values ($1, 'echo', '1.0', 'Test') on conflict do nothing`,
      [providerId],
    );
    await pool.query(`insert into processor (id, provider_id, project_id, status) values ($1, $2, $3, 'CREATED')`, [
      id,
      providerId,
      'p1',
    ]);
    return id;
  };
  const createRoute = async (processorId: string, direction: 'INPUT' | 'OUTPUT'): Promise<string> => {
    const id = direction === 'INPUT' ? `${stateId}:${processorId}` : `${processorId}:${stateId}`;
    await pool.query(
      `insert into processor_state (id, processor_id, state_id, direction, status) values ($1, $2, $3, $4, 'CREATED')`,
      [id, processorId, stateId, direction],
    );
    return id;
  };
  const outputRouteId = await createRoute(await createProcessor(), 'OUTPUT');
  const inputRouteIds: string[] = [];
  for (let index = 0; index < (options.processorsBehind ?? 0); index += 1) {
    inputRouteIds.push(await createRoute(await createProcessor(), 'INPUT'));
  }
  return { stateId, outputRouteId, inputRouteIds };
};

/** The state as its readers see it: rows by position, cells by column name; json cells as their text. */
export const readRows = async (
  pool: DatabasePool,
  stateId: string,
): Promise<readonly Readonly<Record<string, string | null>>[]> => {
  const cells = await pool.query<{ name: string; data_index: string; value: string | null }>(
    `select c.name, d.data_index, coalesce(d.data_value, d.data_json_value::text) as value
       from state_column c join state_column_data d on d.column_id = c.id
      where c.state_id = $1 order by d.data_index, c.display_order, c.id`,
    [stateId],
  );
  const rows: Record<string, string | null>[] = [];
  for (const { name, data_index, value } of cells) {
    const row = (rows[Number(data_index)] ??= {});
    row[name] = value;
  }
  return rows;
};

export const readCount = async (pool: DatabasePool, stateId: string): Promise<number> => {
  const [row] = await pool.query<{ count: number }>('select count from state where id = $1', [stateId]);
  if (!row) throw new Error(`there is no state ${stateId}`);
  return row.count;
};
