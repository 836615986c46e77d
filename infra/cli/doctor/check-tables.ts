import { hasCellIndex } from '../../../shared/postgres/cell-index.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { readSight } from '../../../shared/postgres/visible-rows.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** Does the role see the rows that it must see, and would the tables notice a position that is taken twice. */
export const checkTables = async (pool: DatabasePool): Promise<readonly Finding[]> => {
  const findings: Finding[] = [];
  const filtered: string[] = [];
  let user = '';
  let hasStates = false;
  for (const table of Object.values(pool.tables) as readonly string[]) {
    const sight = await readSight(pool, table);
    ({ user } = sight);
    if (sight.isFiltered) filtered.push(table);
    if (table === pool.tables.state) hasStates = sight.hasRows;
  }
  const role = `"${user.replaceAll('"', '""')}"`;
  if (filtered.length > 0) {
    const what = `row-level security is active for ${role} on ${filtered.join(', ')} at ${pool.address}`;
    const fix = `psql: alter role ${role} bypassrls;`;
    findings.push(
      hasStates
        ? warn('visibility', 'rows_filtered', `${what}: what its policies hide is unknown to the store`, fix)
        : fail('visibility', 'rows_hidden', `${what}: no state can be seen`, fix),
    );
  } else if (hasStates) {
    findings.push(ok('visibility', 'states_visible', `states are there at ${pool.address}`));
  } else {
    const what = `the table of states at ${pool.address} is empty: every message waits`;
    findings.push(
      warn('visibility', 'no_states', what, 'create a state, or correct host and database in DATABASE_URL'),
    );
  }
  findings.push(
    (await hasCellIndex(pool))
      ? ok('schema', 'cells_unique', 'a position cannot be taken twice')
      : fail(
          'schema',
          'cell_index_missing',
          `${pool.tables.cell} has no unique index on (column_id, data_index): nothing is stored until it has`,
          'state-sync migrate',
        ),
  );
  return findings;
};
