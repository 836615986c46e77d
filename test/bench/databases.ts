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
  readonly url: string;
  readonly pool: DatabasePool;
  readonly drop: () => Promise<void>;
}

/** A database with the whole schema, all indexes included, of one candidate alone: a trigram index's flush falls on who caused it. */
export const createDatabase = async (
  context: BenchContext,
  options: { readonly trigram?: boolean } = {},
): Promise<BenchDatabase> => {
  const name = `bench_${++counter}`;
  const admin = createPool(context.postgres.url, { max: 1, queryTimeoutMs: 600_000 });
  await admin.query(`create database ${name}`);
  const url = new URL(context.postgres.url);
  url.pathname = `/${name}`;
  await migrate(url.href);
  const pool = createPool(url.href, { queryTimeoutMs: 1_800_000 });
  if (options.trigram === false) await pool.query('drop index state_column_data_trgm_idx');
  const drop = async (): Promise<void> => {
    await pool.end();
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
  };
  return { url: url.href, pool, drop };
};

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
