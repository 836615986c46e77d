import type { FunctionConfig } from '../../../shared/config/function-config.ts';
import { reasonOf } from '../../../shared/message/to-outcome.ts';
import { toDatabaseError } from '../../../shared/postgres/database-error.ts';
import { resolveTarget } from '../../../shared/postgres/connection-target.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { maxStateRows } from '../../../shared/state/plan-limits.ts';
import type { Store } from '../open-store.ts';
import { checkServer } from './check-server.ts';
import { checkKeys } from './check-keys.ts';
import { checkTables } from './check-tables.ts';
import { connectFix } from './connect-fix.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** Can it be reached, is the schema there, may we use it, do the clocks agree. */
export const checkDatabase = async (
  store: Store,
  config: FunctionConfig,
  nowMs: () => number,
): Promise<readonly Finding[]> => {
  const pool = await store.pool();
  const notes = resolveTarget(config.databaseUrl, await store.environment()).notes;
  const findings: Finding[] = notes.map((note) =>
    warn('database', 'parameter_noted', note, 'take the parameter out of DATABASE_URL'),
  );
  try {
    findings.push(...(await checkServer(pool, nowMs)));
  } catch (error) {
    const { code, message } = toDatabaseError(error, 'connect');
    return [...findings, fail('database', code, reasonOf(message), connectFix(error))];
  }
  const ledgerSchema = await checkLedgerSchema(pool, config.ledgerSchema);
  findings.push(...ledgerSchema);
  if (ledgerSchema.length > 0) return findings;
  const schema = await checkSchema(pool);
  findings.push(...schema);
  if (schema.some(({ level }) => level === 'fail')) return findings;
  const privileges = await checkPrivileges(pool);
  findings.push(...privileges);
  if (privileges.every(({ level }) => level === 'ok')) {
    findings.push(
      ...(await checkTables(pool)),
      ...(await checkKeys(pool, config)),
      ...(await checkLedger(pool, config)),
      ...(await checkSizes(pool, config)),
    );
  }
  return findings;
};

/** The ledger's schema hides its table from who may not use it: told apart from a missing schema. */
const checkLedgerSchema = async (pool: DatabasePool, schema: string): Promise<readonly Finding[]> => {
  const [row] = await pool.query<{ isThere: boolean; has: boolean | null; user: string }>(
    `select current_user as user, exists (select from pg_namespace where nspname = $1) as "isThere",
            (select has_schema_privilege(oid, 'USAGE') from pg_namespace where nspname = $1) as has`,
    [schema],
  );
  if (row?.isThere !== true) {
    return [fail('schema', 'schema_missing', `the schema ${schema} is missing`, 'state-sync migrate')];
  }
  return row.has === true
    ? []
    : [
        fail(
          'privileges',
          'privilege_missing',
          `${row.user} may not use the schema ${schema}`,
          `psql: grant usage on schema ${schema} to "${row.user}";`,
        ),
      ];
};

interface Presence {
  readonly name: string;
  readonly isThere: boolean;
}

const checkSchema = async (pool: DatabasePool): Promise<readonly Finding[]> => {
  const names = [...neededPrivileges(pool.tables).keys()];
  // A table in a schema that we may not use cannot be seen either: the ledger's schema is asked for first.
  const presence = await pool.query<Presence>(
    `select name, to_regclass(name) is not null as "isThere" from unnest($1::text[]) name`,
    [`{${names.map((name) => JSON.stringify(name)).join(',')}}`],
  );
  const missing = presence.filter(({ isThere }) => !isThere).map(({ name }) => name);
  return missing.length === 0
    ? [ok('schema', 'tables_found', 'every table is there')]
    : [fail('schema', 'tables_missing', `missing: ${missing.join(', ')}`, 'state-sync migrate')];
};

/** What the functions do with each table; the sequences that number new rows are looked at apart. */
const neededPrivileges = (tables: DatabasePool['tables']): ReadonlyMap<string, readonly string[]> =>
  new Map([
    [tables.state, ['SELECT', 'UPDATE']],
    [tables.stateConfig, ['SELECT']],
    [tables.keyDefinition, ['SELECT']],
    [tables.column, ['SELECT', 'INSERT']],
    [tables.cell, ['SELECT', 'INSERT']],
    [tables.mapping, ['SELECT', 'INSERT']],
    [tables.route, ['SELECT']],
    [tables.processor, ['SELECT']],
    [tables.provider, ['SELECT']],
    [tables.ledger, ['SELECT', 'INSERT', 'UPDATE', 'DELETE']],
    [tables.history, ['SELECT', 'INSERT', 'UPDATE', 'DELETE']],
    [tables.audit, ['SELECT', 'INSERT', 'DELETE']],
    [tables.letterEdit, ['SELECT', 'INSERT', 'DELETE']],
  ]);

const checkPrivileges = async (pool: DatabasePool): Promise<readonly Finding[]> => {
  const [who] = await pool.query<{ user: string }>('select current_user as user');
  const user = `"${(who?.user ?? '').replaceAll('"', '""')}"`;
  const findings: Finding[] = [];
  for (const [table, privileges] of neededPrivileges(pool.tables)) {
    const missing: string[] = [];
    for (const privilege of privileges) {
      const [row] = await pool.query<{ has: boolean }>('select has_table_privilege($1, $2) as has', [table, privilege]);
      if (row?.has !== true) missing.push(privilege);
    }
    if (missing.length === 0) continue;
    const what = missing.join(', ').toLowerCase();
    findings.push(
      fail(
        'privileges',
        'privilege_missing',
        `${user} may not ${what} ${table}`,
        `psql: grant ${what} on ${table} to ${user};`,
      ),
    );
  }
  for (const [table, without] of [
    [pool.tables.column, 'no new columns'],
    [pool.tables.audit, 'no audit log'],
  ] as const) {
    const [sequence] = await pool.query<{ name: string | null; has: boolean | null }>(
      `select s.name, has_sequence_privilege(s.name, 'USAGE') as has from (select pg_get_serial_sequence($1, 'id') as name) s`,
      [table],
    );
    if (sequence?.name == null || sequence.has === true) continue;
    findings.push(
      fail(
        'privileges',
        'privilege_missing',
        `${user} may not use ${sequence.name}: ${without}`,
        `psql: grant usage on sequence ${sequence.name} to ${user};`,
      ),
    );
  }
  return findings.length > 0 ? findings : [ok('privileges', 'privileges_held', `${user} may do all that is needed`)];
};

const checkLedger = async (pool: DatabasePool, config: FunctionConfig): Promise<readonly Finding[]> => {
  const [row] = await pool.query<{ hours: number | null }>(
    `select extract(epoch from now() - min(applied_at))::float8 / 3600 as hours from ${pool.tables.ledger}`,
  );
  const hours = row?.hours ?? 0;
  // A day late is nothing to worry about.
  return hours > config.ledgerRetentionHours + 24
    ? [
        warn(
          'ledger',
          'ledger_not_pruned',
          `its oldest row is ${Math.round(hours)} hours old, it is kept for ${config.ledgerRetentionHours}`,
          'state-sync ledger prune',
        ),
      ]
    : [ok('ledger', 'ledger_pruned', `its oldest row is ${Math.round(hours)} hours old`)];
};

/** From this share of a limit on somebody should know. */
const worryingShare = 0.9;
const maxListed = 5;

/** States that will soon refuse every message, or every one with a new column. */
const checkSizes = async (pool: DatabasePool, config: FunctionConfig): Promise<readonly Finding[]> => {
  const { state, column } = pool.tables;
  const full = await pool.query<{ id: string; count: number }>(
    `select id, count from ${state} where count >= $1 order by count desc limit ${maxListed}`,
    [Math.floor(maxStateRows * worryingShare)],
  );
  const wide = await pool.query<{ id: string; count: number }>(
    `select state_id as id, count(*)::int as count from ${column} group by state_id having count(*) >= $1
      order by 2 desc limit ${maxListed}`,
    [Math.floor(config.maxStateColumns * worryingShare)],
  );
  const findings = [
    ...full.map(({ id, count }) =>
      warn(
        'states',
        'state_nearly_full',
        `state ${id} has ${count} rows, a state can have ${maxStateRows}; beyond it messages are refused as state_full`,
        'let a new state follow: change the OUTPUT routes that lead to it',
      ),
    ),
    ...wide.map(({ id, count }) =>
      warn(
        'states',
        'state_nearly_too_wide',
        `state ${id} has ${count} columns, data may make ${config.maxStateColumns}; beyond it messages with a new one are refused as too_many_columns`,
        'find the producer whose keys are data, or raise MAX_STATE_COLUMNS',
      ),
    ),
  ];
  return findings.length > 0
    ? findings
    : [ok('states', 'states_have_room', 'no state is near the end of its rows or columns')];
};
