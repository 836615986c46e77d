import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JsonFloat } from '../../../shared/json/json-value.ts';
import { append } from '../../../shared/postgres/append.ts';
import { plainArray, textArray } from '../../../shared/postgres/array-literal.ts';
import {
  readForwardRoutes,
  readProcessor,
  readProvider,
  readRoute,
  readState,
} from '../../../shared/metadata/read-metadata.ts';
import { pageStatement, readPage } from '../../../shared/postgres/read-page.ts';
import { deliveryOf, insertState, newColumn } from '../../support/append-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
  await database.pool.query(`
    insert into user_profile (user_id) values ('u');
    insert into user_project (project_id, project_name, user_id) values ('p', 'project', 'u');
    insert into processor_provider (id, name, version, class_name, project_id) values ('pp', 'name', '1.0', 'class', 'p');
    insert into processor (id, provider_id, project_id, status, properties, name)
      values ('P1', 'pp', 'p', 'CREATED', '{"maxBatchSize": 1.0}', 'first'), ('P2', null, 'p', 'CREATED', null, null);`);
});
afterAll(async () => {
  await database.stop();
});

describe('the metadata of a state', () => {
  it('has its key definitions by their ids, or by their names', async () => {
    await database.pool.query(`
      insert into state (id) values ('keys by order');
      insert into state_column_key_definition (state_id, name, definition_type)
        values ('keys by order', 'zone', 'primary_key'), ('keys by order', 'area', 'primary_key');`);
    const namesBy = async (order: 'id' | 'name') =>
      (await readState(database.pool, 'keys by order', order))?.primaryKey.map(({ name }) => name);
    expect([await namesBy('id'), await namesBy('name')]).toEqual([
      ['zone', 'area'],
      ['area', 'zone'],
    ]);
  });

  it('is read whole, with the numbers of its properties as they were written', async () => {
    await database.pool.query(
      `insert into state (id, project_id, state_type, properties)
       values ('whole', 'p', 'StateConfigLM', '{"a": 1.0, "b": 1, "c": 12345678901234567890, "routing": {"mode": "after_save"}}')`,
    );
    await database.pool.query(`
      insert into state_config (state_id, attribute, data) values ('whole', 'name', 'n'), ('whole', 'width', null);
      insert into state_column (state_id, name, data_type, callable, value, display_order)
        values ('whole', 'b', null, null, null, null), ('whole', '', 'str', false, null, 1), ('whole', 'a', 'json', true, 'x', 2);`);
    const state = await readState(database.pool, 'whole');
    expect(state).toMatchObject({
      id: 'whole',
      projectId: 'p',
      stateType: 'StateConfigLM',
      config: { name: 'n', width: null },
      properties: { a: new JsonFloat(1), b: 1, c: 12345678901234567890n, routing: { mode: 'after_save' } },
      primaryKey: [],
      remap: [],
      templateColumns: [],
    });
    expect(state?.columns).toEqual([
      {
        id: expect.stringMatching(/^\d+$/) as string,
        name: 'b',
        dataType: 'str',
        displayOrder: null,
        value: null,
        callable: false,
      },
      {
        id: expect.stringMatching(/^\d+$/) as string,
        name: 'a',
        dataType: 'json',
        displayOrder: 2,
        value: 'x',
        callable: true,
      },
    ]);
  });

  it('G-9: has its keys and columns in the order of their ids, also after rows were updated', async () => {
    await insertState(database.pool, 'ordered');
    for (const name of ['z', 'a', 'm']) {
      for (const type of ['primary_key', 'remap_query_state_columns', 'template_columns', 'state_join_key']) {
        await database.pool.query(
          'insert into state_column_key_definition (state_id, name, alias, required, definition_type) values ($1, $2, $3, $4, $5)',
          ['ordered', name, name === 'm' ? 'alias' : null, name === 'z' ? null : true, type],
        );
      }
      await database.pool.query(`insert into state_column (state_id, name) values ('ordered', $1)`, [name]);
    }
    await database.pool.query(`update state_column_key_definition set callable = true where name = 'z'`);
    await database.pool.query(`update state_column set max_length = 1 where state_id = 'ordered' and name = 'z'`);
    await database.pool.query('analyze');
    const state = await readState(database.pool, 'ordered');
    const keys = [
      { name: 'z', alias: null, required: false, callable: true },
      { name: 'a', alias: null, required: true, callable: false },
      { name: 'm', alias: 'alias', required: true, callable: false },
    ];
    expect(state?.primaryKey).toEqual(keys);
    expect(state?.remap).toEqual(keys);
    expect(state?.templateColumns).toEqual(keys);
    expect(state?.columns.map(({ name }) => name)).toEqual(['z', 'a', 'm']);
  });

  it.each(['STATECONFIG', 'StateConfigDB', 'StateConfigAudio', 'StateConfigUserInput', 'anything'])(
    'G-31: loads whatever the type is: %s',
    async (type) => {
      await database.pool.query('insert into state (id, state_type) values ($1, $2)', [`type-${type}`, type]);
      expect(await readState(database.pool, `type-${type}`)).toMatchObject({
        stateType: type,
        properties: null,
        columns: [],
      });
    },
  );

  it('is undefined if there is no such state', async () => {
    expect(await readState(database.pool, 'nowhere')).toBeUndefined();
  });
});

describe('routes, processors and providers', () => {
  beforeAll(async () => {
    await insertState(database.pool, 'S');
    await database.pool.query(`
      insert into processor_state (id, processor_id, state_id, direction, status, count)
        values ('S:P2', 'P2', 'S', 'INPUT', 'CREATED', 3), ('S:P1', 'P1', 'S', 'INPUT', 'CREATED', null),
               ('P1:S', 'P1', 'S', 'OUTPUT', 'RUNNING', null);`);
  });

  it('are read by id', async () => {
    expect(await readRoute(database.pool, 'P1:S')).toEqual({
      id: 'P1:S',
      processorId: 'P1',
      stateId: 'S',
      direction: 'OUTPUT',
      status: 'RUNNING',
      count: null,
      currentIndex: null,
      maximumIndex: null,
    });
    expect(await readProcessor(database.pool, 'P1')).toEqual({
      id: 'P1',
      providerId: 'pp',
      projectId: 'p',
      name: 'first',
      status: 'CREATED',
      properties: { maxBatchSize: new JsonFloat(1) },
    });
    expect(await readProcessor(database.pool, 'P2')).toMatchObject({ providerId: null, properties: null });
    expect(await readProvider(database.pool, 'pp')).toEqual({
      id: 'pp',
      name: 'name',
      version: '1.0',
      className: 'class',
      userId: null,
      projectId: 'p',
    });
    expect(await readRoute(database.pool, 'nowhere')).toBeUndefined();
    expect(await readProcessor(database.pool, 'nowhere')).toBeUndefined();
  });

  it('are forwarded to in an order that an update does not change, INPUT routes only', async () => {
    const order = async () => (await readForwardRoutes(database.pool, 'S')).map(({ id }) => id);
    expect(await order()).toEqual(['S:P2', 'S:P1']);
    await database.pool.query(`update processor_state set status = 'RUNNING' where id = 'S:P2'`);
    expect(await order()).toEqual(['S:P2', 'S:P1']);
  });

  it('G-25: are never found by a null or an empty id', async () => {
    for (const id of [null, undefined, '', 5] as unknown as string[]) {
      await expect(async () => readRoute(database.pool, id)).rejects.toMatchObject({ code: 'missing_route_id' });
      await expect(async () => readForwardRoutes(database.pool, id)).rejects.toMatchObject({
        code: 'missing_state_id',
      });
      await expect(async () => readState(database.pool, id)).rejects.toMatchObject({ code: 'missing_state_id' });
      await expect(async () => readProcessor(database.pool, id)).rejects.toMatchObject({
        code: 'missing_processor_id',
      });
    }
  });
});

describe('a page of a state', () => {
  it('has dense rows cut at the count: texts as stored, JSON as text, null for missing cells', async () => {
    await insertState(database.pool, 'page');
    const rows = Array.from({ length: 5 }, (_, row) => [`t${row}`, `{"n": ${row}.0}`]);
    const { columns } = await append(database.pool, {
      stateId: 'page',
      columns: [newColumn('t'), newColumn('j', 'json')],
      deliveries: [deliveryOf('page/1', rows)],
      dedupe: false,
    });
    await database.pool.query(
      `delete from state_column_data where column_id in (select id from state_column where state_id = 'page')
          and (data_index = 1 or (data_index = 2 and data_value is null))`,
    );
    // A leftover beyond the count (G-18) is not part of the state.
    await database.pool.query(`insert into state_column_data values ($1, 7, 'beyond')`, [columns[0]?.id]);
    const shown = [...columns.toReversed(), newColumn('not yet')];
    const page = (offset: number, limit: number) =>
      readPage(database.pool, { stateId: 'page', columns: shown, offset, limit });
    expect(await page(0, 3)).toEqual({
      count: 5,
      rows: [
        ['{"n": 0.0}', 't0', null],
        [null, null, null],
        [null, 't2', null],
      ],
    });
    expect((await page(3, 100)).rows).toEqual([
      ['{"n": 3.0}', 't3', null],
      ['{"n": 4.0}', 't4', null],
    ]);
    expect(await page(5, 10)).toEqual({ count: 5, rows: [] });
    await expect(readPage(database.pool, { stateId: 'no', columns, offset: 0, limit: 1 })).rejects.toMatchObject({
      code: 'unknown_state',
    });
  });

  it('is read through the unique index however large the table is, also without statistics', async () => {
    await insertState(database.pool, 'large');
    await database.pool.query(`
      insert into state_column (state_id, name) select 'large', 'c' || n from generate_series(1, 3) n;
      insert into state_column_data (column_id, data_index, data_value)
        select id, n, 'x' from state_column, generate_series(0, 19999) n where state_id = 'large';`);
    const ids = await database.pool.query<{ id: number }>(`select id from state_column where state_id = 'large'`);
    const values = ['large', plainArray(ids.map(({ id }) => id)), plainArray(ids.map(() => false)), 0, 100];
    const explain = async (): Promise<string> => {
      const plan = await database.pool.query<{ 'QUERY PLAN': string }>(
        `explain ${pageStatement(database.pool.tables)}`,
        values,
      );
      return plan.map((row) => row['QUERY PLAN']).join('\n');
    };
    expect(await explain()).toMatch(/state_column_data_(comp_ux|column_idx)/);
    await database.pool.query('analyze');
    const plan = await explain();
    expect(plan).toContain('state_column_data_comp_ux');
    expect(plan).not.toContain('Seq Scan on state_column_data');
  });
});

describe('array parameters', () => {
  it('carry every text that the database can hold, unchanged', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.replaceAll('\0', ''));
    const awkward = fc.constantFrom(
      'NULL',
      'null',
      '',
      ' ',
      '{}',
      '{"a"}',
      'a,b',
      '"',
      '\\',
      '\\"',
      "'",
      '\n',
      '\t',
      '\\N',
      '%s',
    );
    const list = fc.array(fc.oneof(text, awkward, fc.constant(null)), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(list, async (values) => {
        const [row] = await database.pool.query<{ list: (string | null)[] }>('select to_json($1::text[]) as list', [
          textArray(values),
        ]);
        expect(row?.list).toEqual(values);
      }),
      { numRuns: 300 },
    );
  });

  it('carry numbers, booleans and nulls', async () => {
    const [row] = await database.pool.query('select $1::int[] as n, $2::boolean[] as b', [
      plainArray([1, null, -2]),
      plainArray([true, false, null]),
    ]);
    expect(row).toEqual({ n: [1, null, -2], b: [true, false, null] });
  });
});
