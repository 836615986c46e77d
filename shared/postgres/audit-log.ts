import { withDatabaseErrors } from './database-error.ts';
import type { DatabasePool } from './database.ts';

/** One thing that an operator did. */
export interface AuditEntry {
  readonly actor: string;
  /** The command, such as `dead.replay`. */
  readonly action: string;
  /** The arguments that say to what; never a payload. */
  readonly target: Readonly<Record<string, unknown>>;
  /** How many messages, rows or things. */
  readonly affected: number;
}

export interface StoredAuditEntry extends AuditEntry {
  readonly id: number;
  /** RFC 3339, by the clock of the database. */
  readonly time: string;
}

/** Writes the entry, and removes what is older than a year, a few at a time. */
export const writeAudit = async (pool: DatabasePool, entry: AuditEntry): Promise<void> => {
  const { audit } = pool.tables;
  await withDatabaseErrors('write the audit log', () =>
    pool.query(
      `with gone as (
         delete from ${audit} where id in (
           select id from ${audit} where at < now() - interval '1 year' order by at limit ${prunedAtOnce} for update skip locked))
       insert into ${audit} (actor, action, target, affected) values (left($1, 255), left($2, 60), $3::jsonb, $4)`,
      [entry.actor, entry.action, JSON.stringify(entry.target), entry.affected],
    ),
  );
};

const prunedAtOnce = 100;

/** The newest entries before an id, of one action or of all. */
export const readAudit = (
  pool: DatabasePool,
  options: { readonly limit: number; readonly before: number | undefined; readonly action: string | undefined },
): Promise<readonly StoredAuditEntry[]> =>
  withDatabaseErrors('read the audit log', () =>
    pool.query<StoredAuditEntry>(
      `select id::float8 as id, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as time,
              actor, action, target, affected::float8 as affected
         from ${pool.tables.audit}
        where ($2::bigint is null or id < $2) and ($3::text is null or action = $3)
        order by id desc limit $1`,
      [options.limit, options.before ?? null, options.action ?? null],
    ),
  );
