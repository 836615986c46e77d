import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findOnPath } from '../../infra/local/nats-binary.ts';
import { containersOf, listOf, repositoryRoot, textOf } from '../support/kubernetes-manifests.ts';
import { loadPlatform } from '../support/platform.ts';
import { startTestDatabase, type TestDatabase } from '../support/test-database.ts';

const run = promisify(execFile);

const psql = await findOnPath('psql', process.env['PATH'] ?? '');
describe.skipIf(psql === undefined)(
  `the migration's script${psql === undefined ? ' (skipped: psql is not installed)' : ''}`,
  () => {
    let database: TestDatabase;
    let folder: string;

    beforeAll(async () => {
      database = await startTestDatabase({ migrated: false });
      folder = await mkdtemp(join(tmpdir(), 'state-sync-migration-'));
      await mkdir(join(folder, 'secrets'));
      await writeFile(join(folder, 'secrets/migration-database-url'), database.url);
    });

    afterAll(async () => {
      await database?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const migrate = async (): Promise<string> => {
      const [container] = containersOf((await loadPlatform()).named('Job', 'state-sync-migration'));
      const script = listOf(container?.['args']).map(textOf).join('\n');
      const local = script
        .replaceAll('/secrets/', `${folder}/secrets/`)
        .replaceAll('/sql/', `${join(repositoryRoot, 'infra/postgres')}/`);
      return (await run('sh', ['-euc', local])).stdout;
    };
    const tables = async (): Promise<readonly string[]> => {
      const rows = await database.pool.query<{ name: string }>(
        `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('public', 'state_sync') order by 1`,
      );
      return rows.map(({ name }) => name);
    };

    it('completes an empty database, and leaves a complete one as it is', async () => {
      expect(await migrate()).toContain('the schema is complete');
      const made = await tables();
      expect(made).toEqual(expect.arrayContaining(['public.state', 'public.state_column_data', 'state_sync.ledger']));
      await database.pool.query('drop index if exists state_column_data_data_value_idx');
      expect(await migrate()).toContain('the schema is complete');
      expect(await tables()).toEqual(made);
    });

    it('changes nothing if one of its files fails', async () => {
      await database.pool.query('drop schema state_sync cascade');
      await database.pool.query('alter table state_column drop column display_order');
      await database.pool.query('create schema state_sync');
      await database.pool.query('create view state_sync.ledger as select 1 as one');
      await expect(migrate()).rejects.toThrow(/ledger/);
      const [column] = await database.pool.query<{ found: boolean }>(
        `select exists (select from information_schema.columns
         where table_name = 'state_column' and column_name = 'display_order') as found`,
      );
      expect(column).toEqual({ found: false });
    });
  },
);
