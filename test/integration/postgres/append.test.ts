import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import { append } from '../../../shared/postgres/append.ts';
import { StaleMetadataError } from '../../../shared/postgres/database-error.ts';
import { readLedger } from '../../../shared/postgres/ledger.ts';
import { deliveryOf, insertState, newColumn, readStored } from '../../support/append-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(async () => {
  await database.stop();
});

describe('an append', () => {
  it('refuses what is over the rows that a state can have, under a code of its own, and stores what fits before', async () => {
    await insertState(database.pool, 'full');
    await database.pool.query(`update state set count = 2147483645 where id = 'full'`);
    const result = await append(database.pool, {
      stateId: 'full',
      columns: [newColumn('a')],
      deliveries: ['full/1', 'full/2', 'full/3'].map((id) => deliveryOf(id, [['x']])),
      dedupe: false,
    });
    expect(result.deliveries.map((delivery) => ('error' in delivery ? delivery.error.code : delivery.status))).toEqual([
      'stored',
      'stored',
      'state_full',
    ]);
  });

  it('stores every cell, nulls included, at positions from 0 in the order of the deliveries', async () => {
    await insertState(database.pool, 'order');
    const columns = [newColumn('a'), newColumn('j', 'json')];
    const result = await append(database.pool, {
      stateId: 'order',
      columns,
      deliveries: [
        deliveryOf('order/2', [
          ['x', '{"n": 1.0}'],
          [null, null],
        ]),
        deliveryOf('order/1', [['y "q" \\ {},\nNULL', '[]']]),
      ],
      dedupe: false,
    });
    expect(result.deliveries).toEqual([
      { id: 'order/2', status: 'stored', startIndex: 0, rowCount: 2, forwarded: true },
      { id: 'order/1', status: 'stored', startIndex: 2, rowCount: 1, forwarded: true },
    ]);
    const stored = await readStored(database.pool, 'order');
    expect(stored.count).toBe(3);
    expect([...stored.rows.values()]).toEqual([
      { a: 'x', j: '{"n": 1.0}' },
      { a: null, j: null },
      { a: 'y "q" \\ {},\nNULL', j: '[]' },
    ]);
  });

  it('creates missing columns in order, with the types given, and returns their ids', async () => {
    await insertState(database.pool, 'columns');
    const first = await append(database.pool, {
      stateId: 'columns',
      columns: [newColumn('b'), newColumn('a', 'int')],
      deliveries: [deliveryOf('columns/1', [['1', '2']])],
      dedupe: false,
    });
    const second = await append(database.pool, {
      stateId: 'columns',
      columns: [...first.columns, newColumn('c', 'float')],
      deliveries: [deliveryOf('columns/2', [['1', '2', '3.0']])],
      dedupe: false,
    });
    expect(second.columns.map(({ name, dataType, displayOrder }) => [name, dataType, displayOrder])).toEqual([
      ['b', 'str', 0],
      ['a', 'int', 1],
      ['c', 'float', 2],
    ]);
    const table = await database.pool.query(
      `select id::text, name, data_type, required, callable, min_length, max_length, dimensions, value, source_column_name,
              display_order from state_column where state_id = 'columns' order by id`,
    );
    expect(table).toEqual(
      second.columns.map(({ id, name, dataType, displayOrder }) => ({
        id,
        name,
        data_type: dataType,
        required: true,
        callable: false,
        min_length: null,
        max_length: null,
        dimensions: null,
        value: null,
        source_column_name: null,
        display_order: displayOrder,
      })),
    );
  });

  it('G-7: maps a key to the position of its row', async () => {
    await insertState(database.pool, 'mapping');
    const columns = [newColumn('a')];
    const rows = [['x'], ['y'], ['z']];
    const deliveries = [
      deliveryOf('mapping/1', rows, { keys: ['k1', null, 'k1'] }),
      deliveryOf('mapping/2', [['w']], { keys: ['k2'] }),
    ];
    await append(database.pool, { stateId: 'mapping', columns, deliveries, dedupe: false });
    expect((await readStored(database.pool, 'mapping')).mapping).toEqual([
      { key: 'k1', index: 0 },
      { key: 'k1', index: 2 },
      { key: 'k2', index: 3 },
    ]);
  });

  it('G-7: is not stopped by a mapping row that another writer left where its own belongs', async () => {
    await insertState(database.pool, 'left-over');
    await database.pool.query(`insert into state_column_data_mapping values ('left-over', 'k1', 1)`);
    const { deliveries } = await append(database.pool, {
      stateId: 'left-over',
      columns: [newColumn('a')],
      deliveries: [deliveryOf('left-over/1', [['x'], ['y']], { keys: ['k0', 'k1'] })],
      dedupe: false,
    });
    expect(deliveries).toMatchObject([{ status: 'stored', startIndex: 0, rowCount: 2 }]);
    const stored = await readStored(database.pool, 'left-over');
    expect([...stored.rows.values()]).toEqual([{ a: 'x' }, { a: 'y' }]);
    expect(stored.mapping).toEqual([
      { key: 'k0', index: 0 },
      { key: 'k1', index: 1 },
    ]);
  });

  it('G-22: stores nothing for a redelivery and says where its rows are', async () => {
    await insertState(database.pool, 'again');
    const request = {
      stateId: 'again',
      columns: [newColumn('a')],
      deliveries: [deliveryOf('again/1', [['x'], ['y']], { forwards: true })],
      dedupe: false,
    };
    await append(database.pool, request);
    const { deliveries } = await append(database.pool, request);
    expect(deliveries).toEqual([{ id: 'again/1', status: 'duplicate', startIndex: 0, rowCount: 2, forwarded: false }]);
    expect((await readStored(database.pool, 'again')).count).toBe(2);
  });

  it('stores only what the ledger does not know when some of the deliveries were applied before', async () => {
    await insertState(database.pool, 'partial');
    const columns = [newColumn('a')];
    const of = (id: string) => deliveryOf(`partial/${id}`, [[id]]);
    await append(database.pool, { stateId: 'partial', columns, deliveries: [of('2'), of('4')], dedupe: false });
    const deliveries = ['1', '2', '3', '4', '5'].map(of);
    const result = await append(database.pool, { stateId: 'partial', columns, deliveries, dedupe: false });
    expect(result.deliveries.map(({ id, status, startIndex }) => [id, status, startIndex])).toEqual([
      ['partial/1', 'stored', 2],
      ['partial/2', 'duplicate', 0],
      ['partial/3', 'stored', 3],
      ['partial/4', 'duplicate', 1],
      ['partial/5', 'stored', 4],
    ]);
    const stored = await readStored(database.pool, 'partial');
    expect([...stored.rows.values()].map(({ a }) => a)).toEqual(['2', '4', '1', '3', '5']);
  });

  it('stores an id that comes twice in one request once', async () => {
    await insertState(database.pool, 'twice');
    const delivery = deliveryOf('twice/1', [['x']]);
    const { deliveries } = await append(database.pool, {
      stateId: 'twice',
      columns: [newColumn('a')],
      deliveries: [delivery, delivery],
      dedupe: false,
    });
    expect(deliveries.map(({ status, startIndex }) => [status, startIndex])).toEqual([
      ['stored', 0],
      ['duplicate', 0],
    ]);
    expect((await readStored(database.pool, 'twice')).count).toBe(1);
  });

  it('records deliveries without rows in the ledger only', async () => {
    await insertState(database.pool, 'empty');
    const request = { stateId: 'empty', columns: [], deliveries: [deliveryOf('empty/1', [])], dedupe: false };
    const first = await append(database.pool, request);
    const again = await append(database.pool, request);
    expect(first.deliveries).toEqual([
      { id: 'empty/1', status: 'stored', startIndex: null, rowCount: 0, forwarded: true },
    ]);
    expect(again.deliveries[0]?.status).toBe('duplicate');
    expect((await readStored(database.pool, 'empty')).count).toBe(0);
  });

  it('cuts a large request into statements between deliveries and keeps the order', async () => {
    await insertState(database.pool, 'large');
    const deliveries = Array.from({ length: 7 }, (_, index) =>
      deliveryOf(`large/${index}`, [[`${index}a`], [`${index}b`], [`${index}c`]]),
    );
    const request = { stateId: 'large', columns: [newColumn('a')], deliveries, dedupe: false };
    const result = await append(database.pool, request, { maxRowsPerStatement: 7 });
    expect(result.deliveries.map(({ startIndex }) => startIndex)).toEqual([0, 3, 6, 9, 12, 15, 18]);
    const transactions = await database.pool.query<{ n: number }>(
      `select count(distinct xmin::text)::int as n from state_sync.ledger where state_id = 'large'`,
    );
    expect(transactions[0]?.n).toBe(4);
  });

  it('says in the ledger which deliveries still have something to forward', async () => {
    await insertState(database.pool, 'forwards');
    const deliveries = [
      deliveryOf('forwards/1', [['x']], { forwards: true }),
      deliveryOf('forwards/2', [['x']], { forwards: false }),
    ];
    await append(database.pool, { stateId: 'forwards', columns: [newColumn('a')], deliveries, dedupe: false });
    const ledger = await readLedger(database.pool, ['forwards/1', 'forwards/2']);
    expect(ledger.get('forwards/1')?.forwarded).toBe(false);
    expect(ledger.get('forwards/2')?.forwarded).toBe(true);
  });

  it('G-17: never writes the configuration of the state', async () => {
    await database.pool.query(
      `insert into state (id, state_type, properties) values ('config', 'StateConfigLM', '{"routing": {"mode": "x"}}')`,
    );
    const read = () => database.pool.query(`select state_type, properties::text from state where id = 'config'`);
    const before = await read();
    const deliveries = [deliveryOf('config/1', [['x']], { keys: ['k'] })];
    await append(database.pool, { stateId: 'config', columns: [newColumn('a')], deliveries, dedupe: false });
    expect(await read()).toEqual(before);
  });
});

describe('data that only the database can refuse', () => {
  it('G-3: costs its own delivery and none of the others, whose order is kept', async () => {
    await insertState(database.pool, 'poison');
    const deliveries = Array.from({ length: 33 }, (_, index) =>
      deliveryOf(`poison/${index}`, [[index === 20 || index === 5 ? '{' : `{"n": ${index}}`]], { keys: [`k${index}`] }),
    );
    const request = { stateId: 'poison', columns: [newColumn('j', 'json')], deliveries, dedupe: false };
    const result = await append(database.pool, request);
    const rejected = result.deliveries.filter((delivery) => delivery.status === 'rejected');
    expect(rejected.map(({ id }) => id)).toEqual(['poison/5', 'poison/20']);
    expect(rejected[0]?.error).toBeInstanceOf(TerminalError);
    expect(rejected[0]?.error.code).toBe('database_rejected');
    const stored = await readStored(database.pool, 'poison');
    const expected = Array.from({ length: 33 }, (_, index) => index).filter((index) => index !== 5 && index !== 20);
    expect([...stored.rows.values()].map(({ j }) => j)).toEqual(expected.map((index) => `{"n": ${index}}`));
    expect(stored.count).toBe(31);
    expect((await readLedger(database.pool, ['poison/5', 'poison/20'])).size).toBe(0);
  });

  it('G-46: a NUL character or a column name that is too long rejects the delivery that has it', async () => {
    await insertState(database.pool, 'unstorable');
    const columns = [newColumn('a'), newColumn('n'.repeat(300))];
    const deliveries = [
      deliveryOf('unstorable/1', [['fine', null]]),
      deliveryOf('unstorable/2', [['a\0b', null]]),
      deliveryOf('unstorable/3', [['x', 'has the long one']]),
      deliveryOf('unstorable/4', [['fine too', null]]),
    ];
    const result = await append(database.pool, { stateId: 'unstorable', columns, deliveries, dedupe: false });
    expect(result.deliveries.map(({ status }) => status)).toEqual(['stored', 'rejected', 'rejected', 'stored']);
    expect(result.columns.map(({ name, id }) => [name, id !== undefined])).toEqual([['a', true]]);
    const stored = await readStored(database.pool, 'unstorable');
    expect([...stored.rows.values()]).toEqual([{ a: 'fine' }, { a: 'fine too' }]);
  });
});

describe('metadata that is no longer true', () => {
  it('says so if the state is gone', async () => {
    const request = {
      stateId: 'nowhere',
      columns: [newColumn('a')],
      deliveries: [deliveryOf('n/1', [['x']])],
      dedupe: false,
    };
    const error = await append(database.pool, request).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StaleMetadataError);
    expect(error).toMatchObject({ code: 'unknown_state' });
    const withIds = { ...request, columns: [{ ...newColumn('a'), id: '1' }] };
    await expect(append(database.pool, withIds)).rejects.toMatchObject({ code: 'unknown_state' });
    await expect(append(database.pool, { ...withIds, dedupe: true })).rejects.toMatchObject({ code: 'unknown_state' });
  });

  it('G-16: says so if a column was deleted, and stores nothing', async () => {
    await insertState(database.pool, 'deleted');
    const { columns } = await append(database.pool, {
      stateId: 'deleted',
      columns: [newColumn('a'), newColumn('b')],
      deliveries: [deliveryOf('deleted/1', [])],
      dedupe: false,
    });
    await database.pool.query(`delete from state_column where state_id = 'deleted' and name = 'b'`);
    const deliveries = [deliveryOf('deleted/2', [['x', 'y']])];
    const error = await append(database.pool, { stateId: 'deleted', columns, deliveries, dedupe: false }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(StaleMetadataError);
    expect(await readStored(database.pool, 'deleted')).toEqual({ count: 0, rows: new Map(), mapping: [] });
    expect((await readLedger(database.pool, ['deleted/2'])).size).toBe(0);
  });

  it('says so if another writer made the column json: its cells are rendered differently', async () => {
    await insertState(database.pool, 'retyped');
    await database.pool.query(`insert into state_column (state_id, name, data_type) values ('retyped', 'a', 'json')`);
    const deliveries = [deliveryOf('retyped/1', [['plain']])];
    const request = { stateId: 'retyped', columns: [newColumn('a')], deliveries, dedupe: false };
    await expect(append(database.pool, request)).rejects.toBeInstanceOf(StaleMetadataError);
  });
});
