import { describe, expect, it } from 'vitest';
import { directMessage, routeMessage, said, useFunctions } from '../../support/function-suite.ts';
import { createState, readCount, readRows } from '../../support/state-fixture.ts';
import { readStored } from '../../support/stored-state.ts';

const suite = useFunctions();
const individualRows = { persistence: { mode: 'individual_rows' } };

describe('defects of the reference in what is stored', () => {
  it('G-5: a column that comes with a later message is created and filled', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    for (const row of [{ a: 1 }, { a: 2, b: 3 }, { b: 4, c: [1] }]) {
      expect(said(await direct.post([directMessage(stateId, [row])]))).toEqual(['ack']);
    }
    expect(await readRows(database.pool, stateId)).toEqual([
      { a: '1' },
      { a: '2', b: '3' },
      { a: null, b: '4', c: '[1]' },
    ]);
  });

  it('G-6, G-7: the first message of a state with a key and a json column is stored, and mapped to its position', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool, {
      primaryKey: ['id'],
      properties: { persistence: { flatten: 'none' } },
    });
    for (const id of [1, 2]) {
      expect(said(await direct.post([directMessage(stateId, [{ id, doc: { x: 1 } }])]))).toEqual(['ack']);
    }
    const { count, mapping, cells } = await readStored(database.pool, stateId);
    expect(count).toBe(2);
    const keys = cells.filter(({ column }) => column === 'state_key').map(({ data_value }) => data_value);
    expect(mapping).toEqual(keys.map((key, index) => [key, index]));
    expect(cells.filter(({ column }) => column === 'doc').map((cell) => cell.data_json_value_text)).toEqual([
      '{"x": 1}',
      '{"x": 1}',
    ]);
  });

  it('G-8: with dedup_enabled a key is stored once, also across messages, and travels on once', async () => {
    const { database, route, forwarded } = suite;
    const fixture = await createState(database.pool, {
      primaryKey: ['id'],
      properties: { dedup_enabled: true, routing: { mode: 'after_save' } },
      processorsBehind: 1,
    });
    const send = (rows: readonly object[]) => route.post([routeMessage(fixture.outputRouteId, rows)]);
    await send([
      { id: 1, n: 'first' },
      { id: 1, n: 'again' },
    ]);
    await send([
      { id: 1, n: 'later' },
      { id: 2, n: 'new' },
    ]);
    expect(said(await send([{ id: 2, n: 'known' }]))).toEqual(['ack']);
    expect((await readRows(database.pool, fixture.stateId)).map(({ n }) => n)).toEqual(['first', 'new']);
    const texts = await forwarded(fixture.inputRouteIds[0]!);
    expect(texts.map((text) => [...text.matchAll(/"n": "(\w+)"/g)].map(([, n]) => n))).toEqual([['first'], ['new']]);
  });

  it('G-8: without dedup_enabled every row is stored, as the append path of the reference does', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool, { primaryKey: ['id'] });
    await direct.post([directMessage(stateId, [{ id: 1 }, { id: 1 }])]);
    expect((await readStored(database.pool, stateId)).mapping.map(([, index]) => index)).toEqual([0, 1]);
  });

  it('G-9: a composite key has the order of its definitions, also after one of them was edited', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool, { primaryKey: ['z', 'a'] });
    const plain = async (): Promise<readonly unknown[]> =>
      (await readStored(database.pool, stateId)).cells
        .filter(({ column }) => column === 'state_key_plain')
        .map(({ data_json_value_text }) => data_json_value_text);
    await direct.post([directMessage(stateId, [{ a: 1, z: 2 }])]);
    await database.pool.query(
      `update state_column_key_definition set required = true where state_id = $1 and name = 'z'`,
      [stateId],
    );
    await database.pool.query('analyze state_column_key_definition');
    await direct.post([directMessage(stateId, [{ a: 1, z: 2 }])]);
    expect(await plain()).toEqual(['[["z", 2], ["a", 1]]', '[["z", 2], ["a", 1]]']);
  });

  it('G-13: what follows a list in an entry is on every row of the list', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool, { properties: individualRows });
    const entry = { inherited_batch_data: [{ a: 1 }, { a: 2, tags: ['x', 'y'] }], answer: '42', none: [], nothing: {} };
    await direct.post([directMessage(stateId, [entry])]);
    const common = { answer: '42', none: '[]', nothing: '{}' };
    expect(await readRows(database.pool, stateId)).toEqual([
      { ...common, inherited_batch_data_a: '1', inherited_batch_data_tags: null },
      { ...common, inherited_batch_data_a: '2', inherited_batch_data_tags: 'x' },
      { ...common, inherited_batch_data_a: '2', inherited_batch_data_tags: 'y' },
    ]);
  });

  it('G-14: without individual_rows an entry with a list is one row that holds all of it', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    await direct.post([directMessage(stateId, [{ id: 1, items: [{ sku: 'A' }, { sku: 'é' }], after: 2 }])]);
    expect(await readRows(database.pool, stateId)).toEqual([
      { id: '1', items: String.raw`[{"sku": "A"}, {"sku": "\u00e9"}]`, after: '2' },
    ]);
  });

  it('G-13, G-14: STATE_SYNC_FLATTEN=reference stores what the reference stored', async () => {
    const { database, start } = suite;
    const reference = await start('state-direct', { env: { STATE_SYNC_FLATTEN: 'reference' } });
    const one = await createState(database.pool);
    const many = await createState(database.pool, { properties: individualRows });
    for (const { stateId } of [one, many]) {
      await reference.post([directMessage(stateId, [{ x: 0, a: [[1, 2], [3]], after: 9 }])]);
    }
    expect(await readRows(database.pool, one.stateId)).toEqual([{ x: '0', a: '1' }]);
    expect((await readRows(database.pool, many.stateId)).map(({ a }) => a)).toEqual(['1', '2', null, '3', null]);
  });

  it('G-15: a message that fails leaves nothing behind for the ones after it', async () => {
    const { database, start } = suite;
    const cached = await start('state-direct', { env: { CACHE_TTL_SECONDS: '60' } });
    const { stateId } = await createState(database.pool);
    await cached.post([directMessage(stateId, [{ a: 1 }])]);
    const bad = await cached.post([directMessage(stateId, [{ a: 2, bad: 'nul \u0000' }])]);
    expect(said(bad)).toEqual(['reject unstorable_text']);
    expect(said(await cached.post([directMessage(stateId, [{ a: 3 }])]))).toEqual(['ack']);
    const { count, columns, cells } = await readStored(database.pool, stateId);
    expect([count, columns.map(({ name }) => name), cells.map(({ data_value }) => data_value)]).toEqual([
      2,
      ['a'],
      ['1', '3'],
    ]);
  });

  it('G-16, G-17: a cached state follows what others delete and edit, and their edits stay', async () => {
    const { database, start } = suite;
    const cached = await start('state-direct', { env: { CACHE_TTL_SECONDS: '60' } });
    const { stateId } = await createState(database.pool, { primaryKey: ['id'] });
    await cached.post([directMessage(stateId, [{ id: 1, old: 'x' }, { id: 2 }])]);
    await database.pool.query(
      'delete from state_column_data where column_id in (select id from state_column where state_id = $1)',
      [stateId],
    );
    await database.pool.query('delete from state_column_data_mapping where state_id = $1', [stateId]);
    await database.pool.query('delete from state_column where state_id = $1', [stateId]);
    await database.pool.query(`update state set count = 0, properties = '{"edited": true}' where id = $1`, [stateId]);
    expect(said(await cached.post([directMessage(stateId, [{ id: 3 }])]))).toEqual(['ack']);
    const { count, columns, cells, mapping } = await readStored(database.pool, stateId);
    expect([count, mapping.map(([, index]) => index)]).toEqual([1, [0]]);
    expect(columns.map(({ name }) => name)).toEqual(['id', 'state_key', 'state_key_plain']);
    expect(cells[0]).toMatchObject({ column: 'id', data_index: 0, data_value: '3' });
    const [state] = await database.pool.query(
      'select state_type, properties::text as properties from state where id = $1',
      [stateId],
    );
    expect(state).toEqual({ state_type: 'StateConfig', properties: '{"edited": true}' });
  });

  it('G-19: an expression sees processor, provider, route and the raw entry', async () => {
    const { database, route } = suite;
    const { stateId, outputRouteId } = await createState(database.pool, {
      columns: [
        {
          name: 'seen',
          callable: true,
          value:
            "[processor.id, provider.name, str(processor_state.direction), processor_state.direction.value, route_id, data['Big Name'], state_type]",
          dataType: 'json',
        },
      ],
    });
    expect(said(await route.post([routeMessage(outputRouteId, [{ 'Big Name': 1 }])]))).toEqual(['ack']);
    const [row] = await readRows(database.pool, stateId);
    const seen: unknown = JSON.parse(row!['seen']!);
    // An enum of the scope prints as the reference's does; as JSON it is refused there too.
    const direction = ['ProcessorStateDirection.OUTPUT', 'OUTPUT'];
    expect(seen).toEqual([outputRouteId.split(':')[0], 'echo', ...direction, outputRouteId, 1, 'StateConfig']);
  });

  it('G-27: objects and mixed lists in a column that began with a null are JSON text', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool, { properties: { persistence: { flatten: 'none' } } });
    const values = [null, { x: 1 }, [1, 'a'], [1, 2], 'text'];
    const outcomes = await direct.post([
      directMessage(
        stateId,
        values.map((v) => ({ v })),
      ),
    ]);
    expect(said(outcomes)).toEqual(['ack']);
    expect((await readRows(database.pool, stateId)).map(({ v }) => v)).toEqual([
      null,
      '{"x": 1}',
      '[1, "a"]',
      '{1,2}',
      'text',
    ]);
  });

  it('G-28: a column named by hand keeps its name and constant, incoming values have the clean name beside it', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool, { columns: [{ name: 'First Name', value: 'K' }] });
    for (const name of ['Ada', 'Bob']) {
      expect(said(await direct.post([directMessage(stateId, [{ 'First Name': name }])]))).toEqual(['ack']);
    }
    expect(await readRows(database.pool, stateId)).toEqual([
      { 'First Name': 'K', first_name: 'Ada' },
      { 'First Name': 'K', first_name: 'Bob' },
    ]);
  });

  it('G-29: under clob a key column is gone from the row, so that every row has the key of null', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool, {
      primaryKey: ['id'],
      properties: { persistence: { mode: 'clob' } },
    });
    await direct.post([directMessage(stateId, [{ id: 1, é: 'é' }, { id: 2 }])]);
    const rows = await readRows(database.pool, stateId);
    expect(rows.map((row) => [row['_result_set'], row['state_key_plain']])).toEqual([
      ['{"id": 1, "é": "é"}', '[["id", null]]'],
      ['{"id": 2}', '[["id", null]]'],
    ]);
    expect(rows[0]!['state_key']).toBe(rows[1]!['state_key']);
  });

  it('G-30: floats are spelled as the reference spells them in cells, keys and clobs', async () => {
    const { database, direct } = suite;
    const cells = await createState(database.pool, { primaryKey: ['n'] });
    const clob = await createState(database.pool, { properties: { persistence: { mode: 'clob' } } });
    const send = (stateId: string, rows: string) =>
      direct.post([`{"type":"query_state_direct","state_id":"${stateId}","query_state":[${rows}]}`]);
    const finite = '{"n":1e16},{"n":1e-5},{"n":-0.0}';
    expect(said(await send(cells.stateId, finite))).toEqual(['ack']);
    // `state_key_plain` is a json column, which cannot hold a NaN.
    expect(said(await send(cells.stateId, '{"n":NaN}'))).toEqual(['reject unstorable_text']);
    expect(said(await send(clob.stateId, `${finite},{"n":NaN}`))).toEqual(['ack']);
    expect(
      (await readRows(database.pool, cells.stateId)).map(({ n, state_key_plain }) => [n, state_key_plain]),
    ).toEqual([
      ['10000000000000000', '[["n", 10000000000000000]]'],
      ['0.00001', '[["n", 0.00001]]'],
      ['0.0', '[["n", 0.0]]'],
    ]);
    expect((await readRows(database.pool, clob.stateId)).map((row) => row['_result_set'])).toEqual([
      '{"n": 1e+16}',
      '{"n": 1e-05}',
      '{"n": -0.0}',
      '{"n": NaN}',
    ]);
  });

  it('G-31: rows are stored whatever the type of the state', async () => {
    const { database, direct } = suite;
    for (const type of ['STATECONFIG', 'StateConfigDB', 'StateConfigAudio', 'StateConfigUserInput', 'Other']) {
      const { stateId } = await createState(database.pool);
      await database.pool.query('update state set state_type = $2 where id = $1', [stateId, type]);
      expect(said(await direct.post([directMessage(stateId, [{ a: 1 }])]))).toEqual(['ack']);
      expect(await readCount(database.pool, stateId)).toBe(1);
    }
  });

  it('G-32: a string in a json column stays a string, in the first message and in later ones', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool, { columns: [{ name: 'j', dataType: 'json' }] });
    for (let message = 0; message < 2; message += 1) {
      await direct.post([directMessage(stateId, [{ j: '123' }, { j: '{"x": 1}' }, { j: 'plain' }])]);
    }
    const values = ['"123"', String.raw`"{\"x\": 1}"`, '"plain"'];
    expect((await readRows(database.pool, stateId)).map(({ j }) => j)).toEqual([...values, ...values]);
  });

  it('G-33: a state_key that is no text is data, beside ones that are mapped', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool, { properties: { persistence: { flatten: 'none' } } });
    const keys = ['k', 5, { a: 1 }, [1], null];
    expect(
      said(
        await direct.post([
          directMessage(
            stateId,
            keys.map((state_key) => ({ state_key })),
          ),
        ]),
      ),
    ).toEqual(['ack']);
    const { mapping, count } = await readStored(database.pool, stateId);
    expect([mapping, count]).toEqual([[['k', 0]], 5]);
  });
});
