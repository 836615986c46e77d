import type { CliCommand } from '../cli-command.ts';
import { exitCodes } from '../cli-io.ts';
import { migrate } from '../../postgres/migrate.ts';
import { withDatabaseErrors } from '../../../shared/postgres/database-error.ts';

export const migrateCommand: CliCommand = {
  name: 'migrate',
  summary: 'Create what is missing of the database schema; safe to repeat',
  usage: '',
  options: {},
  examples: ['DATABASE_URL=postgresql://... state-sync migrate'],
  positionals: { min: 0, max: 0 },
  changes: () => true,
  run: async ({ store, output }) => {
    const { databaseUrl, tableSchema, ledgerSchema } = await store.config();
    const options = {
      ledgerSchema,
      env: await store.environment(),
      ...(tableSchema === undefined ? {} : { tableSchema }),
    };
    const applied = await withDatabaseErrors('migrate', () => migrate(databaseUrl, options));
    await output.result({ applied }, () => [applied.length === 0 ? 'nothing to do' : `ran ${applied.join(', ')}`]);
    return exitCodes.ok;
  },
};
