import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readFunctionConfig } from '../../../shared/config/function-config.ts';
import { append } from '../../../shared/postgres/append.ts';
import { hasCellIndex } from '../../../shared/postgres/cell-index.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { prepareSession } from '../../../shared/store/prepare-session.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
});

afterAll(() => database.stop());

const config = readFunctionConfig({ env: {}, secretsDir: '/nowhere' });

it('a session that is prepared has written nothing, and an append runs the statement that it knows already', async () => {
  const admin = database.pool;
  // Nobody makes a state without an id; the statement asks for that one.
  await admin.query(`insert into state (id, state_type, count) values ('', 'StateConfig', 7)`);
  const stateId = randomUUID();
  await admin.query(`insert into state (id, state_type) values ($1, 'StateConfig')`, [stateId]);
  const [column] = await admin.query<{ id: string }>(
    `insert into state_column (state_id, name, data_type) values ($1, 'text', 'str') returning id::text`,
    [stateId],
  );
  const tables = ['state_column_data', 'state_column_data_mapping', 'state_sync.ledger'];
  const counted = `select ${tables.map((table) => `(select count(*)::int from ${table})`).join(' + ')} as rows`;
  const faults: unknown[] = [];
  const pool = createPool(database.url, { max: 1 });
  try {
    pool.warm((session) =>
      prepareSession(pool, session, { config }).catch((error: unknown) => {
        faults.push(error);
        throw error;
      }),
    );
    const kept = 'select statement from pg_prepared_statements';
    const before = await pool.query(kept);
    expect(faults).toEqual([]);
    expect(before).toHaveLength(1);
    expect(await admin.query(counted)).toEqual([{ rows: 0 }]);
    expect(await admin.query(`select count from state where id = ''`)).toEqual([{ count: 7 }]);

    const delivery = { id: 'first', rowCount: 1, cells: [['value']], stateKeys: [null], bytes: 5, forwards: false };
    const { deliveries } = await append(pool, {
      stateId,
      columns: [{ id: column!.id, name: 'text', dataType: 'str', displayOrder: 0, value: null, callable: false }],
      deliveries: [{ ...delivery, contentHash: '0'.repeat(32) }],
      dedupe: false,
    });
    expect(deliveries).toMatchObject([{ status: 'stored' }]);
    expect(await pool.query(kept)).toEqual(before);
  } finally {
    await pool.end();
    await admin.query(`delete from state where id = ''`);
  }
});

it('a session of a database without the index of the cells is prepared, and the append refuses all the same', async () => {
  await database.pool.query('create schema bare');
  const pool = createPool(database.url, { max: 1, tableSchema: 'bare' });
  try {
    pool.warm((session) => prepareSession(pool, session, { config }));
    expect(await hasCellIndex(pool)).toBe(false);
    const request = { stateId: 'any', columns: [], dedupe: false };
    const delivery = { id: 'one', rowCount: 0, cells: [], stateKeys: [], bytes: 0, forwards: false };
    await expect(
      append(pool, { ...request, deliveries: [{ ...delivery, contentHash: '0'.repeat(32) }] }),
    ).rejects.toMatchObject({ code: 'database_misconfigured' });
  } finally {
    await pool.end();
    await database.pool.query('drop schema bare');
  }
});
