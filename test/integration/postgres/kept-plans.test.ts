import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { append } from '../../../shared/postgres/append.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { markForwarded } from '../../../shared/postgres/ledger.ts';
import { deliveryOf, insertState, newColumn, readStored } from '../../support/append-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
  await database.pool.query('create table note (text text)');
});
afterAll(() => database.stop());

const insertNote = 'insert into note (text) values ($1) returning text';
const named = async (pool: DatabasePool): Promise<readonly string[]> =>
  (await pool.query<{ name: string }>('select name from pg_prepared_statements')).map(({ name }) => name);
const notes = async (text: string): Promise<number> =>
  (await database.pool.query('select from note where text = $1', [text])).length;

describe('plans that are kept', () => {
  it('are kept on the connection, one for each text', async () => {
    const pool = database.openPool({ max: 1 });
    for (const text of ['a', 'b', 'c']) {
      expect(await pool.query(insertNote, [text], { keepPlan: true })).toEqual([{ text }]);
    }
    expect(await named(pool)).toHaveLength(1);
    await pool.query('select 1', [], { keepPlan: true });
    expect(await named(pool)).toHaveLength(2);
  });

  it('are not kept within a transaction, whose statements could not be run again', async () => {
    const pool = database.openPool({ max: 1 });
    await pool.transaction((connection) => connection.query(insertNote, ['t'], { keepPlan: true }));
    expect(await named(pool)).toEqual([]);
  });

  it('are not kept if the pool is told so', async () => {
    const pool = database.openPool({ max: 1, keepPlans: false });
    await pool.query(insertNote, ['n'], { keepPlan: true });
    expect(await named(pool)).toEqual([]);
  });

  it('are given up, with the statement run once, if a pooler has lost the name', async () => {
    const pool = database.openPool({ max: 1 });
    await pool.query(insertNote, ['lost'], { keepPlan: true });
    await pool.query('deallocate all');
    expect(await pool.query(insertNote, ['lost'], { keepPlan: true })).toEqual([{ text: 'lost' }]);
    expect(await notes('lost')).toBe(2);
    expect(await named(pool)).toEqual([]);
    await pool.query(insertNote, ['lost'], { keepPlan: true });
    expect(await named(pool)).toEqual([]);
  });

  it('are given up, with the statement run once, if a pooler has the name already', async () => {
    const first = database.openPool({ max: 1 });
    await first.query(insertNote, ['taken'], { keepPlan: true });
    const [name] = await named(first);
    const pool = database.openPool({ max: 1 });
    await pool.query(`prepare ${name} as select 1`);
    expect(await pool.query(insertNote, ['taken'], { keepPlan: true })).toEqual([{ text: 'taken' }]);
    expect(await notes('taken')).toBe(2);
  });

  it('are given up if the table was altered since', async () => {
    const pool = database.openPool({ max: 1 });
    await pool.query('create table altered (one int)');
    await pool.query('insert into altered values (1)');
    expect(await pool.query('select * from altered', [], { keepPlan: true })).toEqual([{ one: 1 }]);
    await pool.query('alter table altered add column two int');
    expect(await pool.query('select * from altered', [], { keepPlan: true })).toEqual([{ one: 1, two: null }]);
  });

  it('leave an append what it is, from its first to its tenth time', async () => {
    const pool = database.openPool({ max: 1 });
    await insertState(pool, 'kept');
    let columns = [newColumn('a'), newColumn('b', 'json')];
    for (let time = 0; time < 10; time += 1) {
      const deliveries = [deliveryOf(`kept/${time}`, [[`text ${time}`, `{"n": ${time}}`]], { keys: [`key ${time}`] })];
      const result = await append(pool, { stateId: 'kept', columns, deliveries, dedupe: false });
      columns = [...result.columns];
    }
    expect(await named(pool)).toHaveLength(1);
    const { count, rows, mapping } = await readStored(pool, 'kept');
    expect(count).toBe(10);
    expect(mapping).toHaveLength(10);
    for (let time = 0; time < 10; time += 1) expect(rows.get(time)).toEqual({ a: `text ${time}`, b: `{"n": ${time}}` });
  });

  it('find each ledger row by the index, also if they were made while the ledger was empty, and are made once', async () => {
    const empty = await startTestDatabase({ args: ['-c', 'autovacuum=off'] });
    try {
      const pool = empty.openPool({ max: 1 });
      await insertState(pool, 'empty');
      let columns = [newColumn('a')];
      for (let time = 0; time < 12; time += 1) {
        const rows = [deliveryOf(`rows/${time}`, [[`text ${time}`]], { forwards: true })];
        columns = [...(await append(pool, { ...request, columns, deliveries: rows })).columns];
        await append(pool, { ...request, columns, deliveries: [deliveryOf(`none/${time}`, [])] });
        await markForwarded(pool, [`rows/${time}`]);
      }
      const kept = await pool.query<{ name: string; parameters: number; generic: number; custom: number }>(
        `select name, array_length(parameter_types, 1) as parameters, generic_plans::int as generic, custom_plans::int as custom
           from pg_prepared_statements`,
      );
      expect(kept).toHaveLength(3);
      for (const { name, parameters, generic, custom } of kept) {
        expect(custom).toBe(5);
        expect(generic).toBe(7);
        const nulls = Array.from({ length: parameters }, () => 'null').join(', ');
        const plan = await pool.query<{ 'QUERY PLAN': string }>(`explain execute ${name} (${nulls})`);
        const scans = plan.map((line) => line['QUERY PLAN']).filter((line) => /Scan (using \w+ )?on ledger/.test(line));
        expect(scans.length).toBeGreaterThan(0);
        for (const scan of scans) expect(scan).toContain('Index Scan using ledger_pkey on ledger');
      }
    } finally {
      await empty.stop();
    }
  });
});

const request = { stateId: 'empty', dedupe: false };
