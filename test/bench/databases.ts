import type { PostgresServer } from '../../infra/local/postgres-server.ts';
import { migrate } from '../../infra/postgres/migrate.ts';
import type { DatabasePool } from '../../shared/postgres/database.ts';
import { createPool } from '../../shared/postgres/pool.ts';
import type { ColumnDefinition } from '../../shared/state/state-model.ts';
import { createState, type StateFixture } from '../support/state-fixture.ts';
import type { BenchContext } from './bench.ts';

const columnCount = 8;
export const columnNames = Array.from({ length: columnCount }, (_, index) => `column_${index + 1}`);

let counter = 0;

export interface BenchDatabase {
  readonly name: string;
  readonly url: string;
  readonly pool: DatabasePool;
  readonly drop: () => Promise<void>;
}

export interface DatabaseOptions {
  /** Default true. */
  readonly trigram?: boolean;
  /** The name of another one, to which nobody is connected: its tables as they are. */
  readonly copyOf?: string;
  /** Default: the run's own. */
  readonly server?: Pick<PostgresServer, 'url'>;
}

/** A database with the whole schema, all indexes included, of one candidate alone: a trigram index's flush falls on who caused it. */
export const createDatabase = async (context: BenchContext, options: DatabaseOptions = {}): Promise<BenchDatabase> => {
  const name = `bench_${++counter}`;
  const { copyOf, server = context.postgres } = options;
  const admin = createPool(server.url, { max: 1, queryTimeoutMs: 600_000 });
  await admin.query(`create database ${name}${copyOf === undefined ? '' : ` template ${copyOf}`}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  if (copyOf === undefined) await migrate(url.href);
  const pool = createPool(url.href, { queryTimeoutMs: 1_800_000 });
  if (options.trigram === false) await pool.query('drop index state_column_data_trgm_idx');
  const drop = async (): Promise<void> => {
    await pool.end();
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
  };
  return { name, url: url.href, pool, drop };
};

/** The index that `createDatabase` leaves out if it is asked to, built at once. */
export const createTrigramIndex = (pool: DatabasePool): Promise<void> =>
  pool.transaction(async (connection) => {
    await connection.query(`set local maintenance_work_mem = '1GB'`);
    await connection.query(
      'create index state_column_data_trgm_idx on state_column_data using gin (data_value gin_trgm_ops)',
    );
  });

export interface BenchState extends StateFixture {
  readonly columns: readonly ColumnDefinition[];
}

/** A state whose eight columns exist. */
export const createBenchState = async (
  pool: DatabasePool,
  options: Parameters<typeof createState>[1] = {},
): Promise<BenchState> => {
  const fixture = await createState(pool, { ...options, columns: columnNames.map((name) => ({ name })) });
  const columns = await pool.query<{ id: number; name: string }>(
    'select id, name from state_column where state_id = $1 order by id',
    [fixture.stateId],
  );
  return {
    ...fixture,
    columns: columns.map(({ id, name }) => ({
      id: String(id),
      name,
      dataType: 'str',
      displayOrder: null,
      value: null,
      callable: false,
    })),
  };
};

/** Many states like it, made by a few statements. */
export const createBenchStates = async (pool: DatabasePool, count: number): Promise<readonly BenchState[]> => {
  const pattern = await createBenchState(pool);
  const prefix = pattern.stateId.slice(0, 24);
  const ids = Array.from({ length: count }, (_, index) => prefix + index.toString(16).padStart(12, '0'));
  await pool.query(`insert into state (id, state_type) select unnest($1::text[]), 'StateConfig'`, [ids]);
  await pool.query(
    `insert into state_column (state_id, name, data_type, display_order)
     select s.id, c.name, c.data_type, c.display_order
       from unnest($1::text[]) s (id), state_column c where c.state_id = $2 order by 1, c.id`,
    [ids, pattern.stateId],
  );
  await pool.query(
    `insert into processor_state (id, processor_id, state_id, direction, status)
     select r.processor_id || ':' || s.id, r.processor_id, s.id, r.direction, r.status
       from unnest($1::text[]) s (id), processor_state r where r.id = $2`,
    [ids, pattern.outputRouteId],
  );
  const processorId = pattern.outputRouteId.split(':')[0]!;
  const made = await pool.query<{ id: number; state_id: string }>(
    'select id, state_id from state_column where state_id = any($1::text[]) order by state_id, id',
    [ids],
  );
  return ids.map((stateId, index) => ({
    ...pattern,
    stateId,
    outputRouteId: `${processorId}:${stateId}`,
    columns: pattern.columns.map((column, at) => ({
      ...column,
      id: String(made[index * pattern.columns.length + at]!.id),
    })),
  }));
};
