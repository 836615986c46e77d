import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../../infra/postgres/migrate.ts';
import { append } from '../../../shared/postgres/append.ts';
import { readLedger } from '../../../shared/postgres/ledger.ts';
import { readState } from '../../../shared/metadata/read-metadata.ts';
import { readHistory } from '../../../shared/postgres/history.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { deliveryOf, newColumn } from '../../support/append-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase({ migrated: false });
});
afterAll(async () => {
  await database.stop();
});

/** A URL of a new, empty database on the same server. */
const emptyDatabase = async (name: string): Promise<string> => {
  await database.pool.query(`create database ${name}`);
  return database.url.replace(/\/test$/, `/${name}`);
};

describe('the migration', () => {
  it('may run at the same time and again, and then changes nothing', async () => {
    const url = await emptyDatabase('repeated');
    await Promise.all([migrate(url), migrate(url), migrate(url)]);
    expect(await migrate(url)).toEqual([]);
  });

  it('has nothing to do for a role that may create nothing, on a database that lacks nothing', async () => {
    const url = await emptyDatabase('complete_already');
    await migrate(url);
    const pool = createPool(url);
    await pool.query(`create role plain login password 'plain'`);
    await pool.query('revoke create on schema public from public');
    await pool.query('grant usage on schema state_sync to plain');
    await pool.end();
    const plainUrl = url.replace(/\/\/[^@]+@/, '//plain:plain@');
    expect(await migrate(plainUrl)).toEqual([]);
    expect(await migrate(plainUrl, { tableSchema: 'public' })).toEqual([]);
    await expect(migrate(plainUrl, { ledgerSchema: 'other' })).rejects.toThrow(/permission denied/);
  });

  it('finds pg_trgm in whatever schema it is, as Supabase has it', async () => {
    const url = await emptyDatabase('trigrams_elsewhere');
    const pool = createPool(url);
    await pool.query('create schema extensions');
    await pool.query('create extension pg_trgm with schema extensions');
    await migrate(url);
    const [row] = await pool.query<{ indexdef: string }>(
      `select indexdef from pg_indexes where indexname = 'state_column_data_trgm_idx'`,
    );
    expect(row?.indexdef).toContain('extensions.gin_trgm_ops');
    await pool.end();
  });

  it('adds the unique index of the cells that older installations lack, unless cells are there twice', async () => {
    const url = await emptyDatabase('before_october_2025');
    await migrate(url);
    const pool = createPool(url);
    await pool.query(`insert into state (id) values ('S')`);
    await pool.query(`insert into state_column (state_id, name) values ('S', 'a')`);
    await pool.query('drop index state_column_data_comp_ux');
    await pool.query('insert into state_column_data (column_id, data_index) values (1, 0), (1, 1), (1, 1)');
    await expect(migrate(url)).rejects.toThrow(/has 1 cells more than once/);
    await pool.query('delete from state_column_data where ctid = (select max(ctid) from state_column_data)');
    expect(await migrate(url)).toContain('005_cell_index.sql');
    expect(await migrate(url)).toEqual([]);
    await expect(pool.query('insert into state_column_data (column_id, data_index) values (1, 1)')).rejects.toThrow(
      /state_column_data_comp_ux/,
    );
    await pool.query('drop index state_column_data_comp_ux');
    await pool.query('create unique index theirs on state_column_data (column_id, data_index)');
    expect(await migrate(url)).toEqual([]);
    await pool.end();
  });

  it('adds the history that older installations lack, once', async () => {
    const url = await emptyDatabase('before_history');
    await migrate(url);
    const pool = createPool(url);
    await pool.query('drop table state_sync.history');
    expect(await migrate(url)).toContain('006_history.sql');
    expect(await migrate(url)).toEqual([]);
    expect(await readHistory(pool, 0, Date.now())).toEqual([]);
    await pool.end();
  });

  it('makes every table, key and index of the shared schema', async () => {
    const url = await emptyDatabase('complete');
    await migrate(url);
    const pool = createPool(url);
    const indexes = await pool.query<{ definition: string }>(
      `select regexp_replace(indexdef, '^CREATE (UNIQUE )?INDEX \\S+ ON (public|state_sync)\\.', '\\1') as definition
         from pg_indexes where schemaname in ('public', 'state_sync') order by 1`,
    );
    const definitions = indexes.map(({ definition }) => definition);
    expect(definitions).toEqual(
      expect.arrayContaining([
        'UNIQUE state_column_data USING btree (column_id, data_index)',
        'state_column_data USING btree (column_id)',
        'state_column_data USING gin (data_value gin_trgm_ops)',
        'state_column_data USING gin (data_json_value) WHERE (data_json_value IS NOT NULL)',
        'UNIQUE state_column USING btree (state_id, name)',
        'UNIQUE state_column USING btree (id, state_id)',
        'UNIQUE state_column_key_definition USING btree (state_id, name, definition_type)',
        'UNIQUE state_column_data_mapping USING btree (state_id, state_key, data_index)',
        'state_column_data_mapping USING btree (state_id)',
        'UNIQUE processor_state USING btree (id)',
        'UNIQUE processor_state USING btree (internal_id)',
        'UNIQUE processor_state USING btree (processor_id, state_id, direction)',
        'UNIQUE ledger USING btree (message_id)',
        'ledger USING btree (applied_at)',
      ]),
    );
    const defaults = await pool.query(
      `select column_name, column_default from information_schema.columns
        where table_name = 'state' and column_name in ('count', 'state_type') order by 1`,
    );
    expect(defaults).toEqual([
      { column_name: 'count', column_default: '0' },
      { column_name: 'state_type', column_default: `'STATECONFIG'::character varying` },
    ]);
    await pool.end();
  });

  it('leaves an existing installation as it is: a dropped index stays dropped, a missing column is added', async () => {
    const url = await emptyDatabase('existing');
    await migrate(url);
    const pool = createPool(url);
    await pool.query('drop index state_column_data_trgm_idx');
    await pool.query('alter table state drop column properties');
    await migrate(url);
    const [row] = await pool.query<{ trigram: string | null }>(
      `select to_regclass('state_column_data_trgm_idx')::text as trigram`,
    );
    expect(row?.trigram).toBeNull();
    expect(await pool.query('select properties from state')).toEqual([]);
    await pool.end();
  });

  it('lets a ledger that was made without content hashes keep its rows, which count as the same message', async () => {
    const url = await emptyDatabase('earlier');
    await migrate(url, { ledgerSchema: 'my "ledger"' });
    const pool = createPool(url, { ledgerSchema: 'my "ledger"' });
    await pool.query(`insert into state (id) values ('S')`);
    const request = { stateId: 'S', columns: [newColumn('a')], dedupe: false };
    await append(pool, { ...request, deliveries: [deliveryOf('old', [['x']])] });
    await pool.query(`alter table ${pool.tables.ledger} drop column content_hash`);
    await migrate(url, { ledgerSchema: 'my "ledger"' });
    await migrate(url, { ledgerSchema: 'my "ledger"' });
    const deliveries = ['old', 'new'].map((id) => deliveryOf(id, [['y']]));
    const { deliveries: results } = await append(pool, { ...request, deliveries });
    expect(results.map(({ status }) => status)).toEqual(['duplicate', 'stored']);
    await pool.end();
  });

  it('keeps projects apart in schemas of their own, each with its tables and its ledger', async () => {
    const url = await emptyDatabase('sharded');
    const projects = ['project "one"', "project 'two'"];
    for (const name of projects) await migrate(url, { tableSchema: name, ledgerSchema: `${name} ledger` });
    for (const name of projects) {
      const pool = createPool(url, { tableSchema: name, ledgerSchema: `${name} ledger` });
      await pool.query(`insert into ${pool.tables.state} (id) values ('S')`);
      const delivery = deliveryOf('same id', [['x']], { keys: ['k'] });
      for (const dedupe of [true, false]) {
        await append(pool, { stateId: 'S', columns: [newColumn('a')], deliveries: [delivery], dedupe });
      }
      expect((await readState(pool, 'S'))?.columns.map(({ name: column }) => column)).toEqual(['a']);
      expect((await readLedger(pool, ['same id'])).get('same id')).toMatchObject({ startIndex: 0, rowCount: 1 });
      await pool.end();
    }
    const pool = createPool(url);
    const [row] = await pool.query<{ n: number }>(
      `select count(*)::int as n from pg_tables where schemaname = 'public'`,
    );
    expect(row?.n).toBe(0);
    await pool.end();
  });

  it('has optional parts that go up and down again, and leave the schema as it was', async () => {
    const url = await emptyDatabase('optional');
    await migrate(url);
    const pool = createPool(url);
    const schema = async () => [
      await pool.query(`select indexname, indexdef from pg_indexes where tablename like 'state%' order by 1`),
      await pool.query(`select relname, reloptions from pg_class where relname like 'state%' order by 1`),
    ];
    const folder = new URL('../../../infra/postgres/optional/', import.meta.url);
    const files = (await readdir(folder)).filter((name) => name.endsWith('.up.sql'));
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const file of files) {
      const before = await schema();
      const run = async (name: string): Promise<void> => {
        const text = await readFile(new URL(name, folder), 'utf8');
        // `concurrently` cannot run in a transaction, which a text of several commands would be.
        for (const command of text.replaceAll(/--.*$/gm, '').split(';'))
          if (command.trim() !== '') await pool.query(command);
      };
      await run(file);
      expect(await schema(), file).not.toEqual(before);
      await run(file.replace('.up.sql', '.down.sql'));
      expect(await schema(), file).toEqual(before);
    }
    await pool.end();
  });
});
