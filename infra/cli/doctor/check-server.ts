import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** What one session says of its server and of its role. Times are in milliseconds; 0 means no limit. */
export interface ServerFacts {
  readonly version: string;
  /** The server's clock, since the epoch. */
  readonly ms: number;
  readonly readonly: string;
  readonly commit: string;
  readonly user: string;
  readonly statementMs: number;
  readonly transactionMs: number;
  readonly standbys: number;
  readonly synchronous: string;
  /** The longest transaction of another session of this database; null if there is none that this role may see. */
  readonly open: OpenTransaction | null;
}

export interface OpenTransaction {
  readonly pid: number;
  readonly user: string;
  readonly application: string;
  readonly seconds: number;
}

/** Can it be reached, do the clocks agree, does it take writes, and does it keep them. */
export const checkServer = async (pool: DatabasePool, nowMs: () => number): Promise<readonly Finding[]> => {
  const sentMs = nowMs();
  const facts = await readServerFacts(pool);
  const receivedMs = nowMs();
  const skewMs = Math.round(facts.ms - (sentMs + receivedMs) / 2);
  return [
    ok(
      'database',
      'connected',
      `PostgreSQL ${facts.version} at ${pool.address}, ${Math.round(receivedMs - sentMs)} ms`,
    ),
    Math.abs(skewMs) > clockLimitMs
      ? warn(
          'clock',
          'clock_skew',
          `the database's clock differs by ${skewMs} ms from this machine's`,
          'sudo timedatectl set-ntp true',
        )
      : ok('clock', 'clocks_agree', `the database's clock differs by ${skewMs} ms`),
    ...judgeServer(facts, pool.address),
  ];
};

export const readServerFacts = async (pool: DatabasePool): Promise<ServerFacts> => {
  const [facts] = await pool.query<ServerFacts>(factsStatement);
  if (facts === undefined) throw new Error('a query of one row brought none');
  return facts;
};

/** What is not as it should be. */
export const judgeServer = (facts: ServerFacts, address: string): readonly Finding[] => {
  const findings: Finding[] = [];
  const role = `"${facts.user.replaceAll('"', '""')}"`;
  if (facts.readonly === 'on') {
    const fix =
      'point DATABASE_URL at the primary, or name all hosts in it: they are asked for the one that takes writes';
    findings.push(fail('database', 'read_only', `the database at ${address} takes no writes`, fix));
  }
  if (facts.commit === 'off' || (facts.commit === 'local' && facts.synchronous !== '')) {
    const what = `synchronous_commit is ${facts.commit}: what was acknowledged may be lost in a crash`;
    const fix = `psql: alter role ${role} set synchronous_commit = on;`;
    findings.push(warn('database', 'commit_not_durable', what, fix));
  } else if (facts.standbys > 0 && facts.synchronous === '') {
    const what = 'the standby is asynchronous: a failover may lose rows that were acknowledged';
    const fix = `psql: alter system set synchronous_standby_names = '*'; select pg_reload_conf();`;
    findings.push(warn('database', 'standby_asynchronous', what, fix));
  }
  for (const [setting, limitMs] of [
    ['statement_timeout', facts.statementMs],
    ['transaction_timeout', facts.transactionMs],
  ] as const) {
    if (limitMs === 0 || limitMs >= leastLimitMs) continue;
    const what = `${setting} of ${role} is ${limitMs} ms: what takes longer is tried for ever`;
    findings.push(warn('database', 'time_limit_short', what, `psql: alter role ${role} set ${setting} = '60s';`));
  }
  if (facts.open !== null && facts.open.seconds >= longTransactionSeconds) {
    const { pid, user, application, seconds } = facts.open;
    const what =
      `a transaction of ${user} (${application === '' ? 'no name' : application}, pid ${pid}) is open for ` +
      `${Math.floor(seconds / 60)} minutes: old versions of rows pile up, and each append to a state costs more`;
    findings.push(warn('database', 'transaction_open_long', what, `psql: select pg_terminate_backend(${pid});`));
  }
  return findings;
};

/** As long as a large report takes; what is open for longer was forgotten, or slows the appends down. */
const longTransactionSeconds = 600;

/** Clocks that differ by more than this make traces and ages misleading. */
const clockLimitMs = 2_000;

/** A full batch with its indexes, on a server that has much to do. */
const leastLimitMs = 10_000;

/** A setting in milliseconds; servers that do not know it have no such limit. */
const limitOf = (setting: string): string =>
  `coalesce((select setting::int from pg_settings where name = '${setting}'), 0)`;

const factsStatement = `
select current_setting('server_version') as version, extract(epoch from clock_timestamp())::float8 * 1000 as ms,
       current_setting('transaction_read_only') as readonly, current_setting('synchronous_commit') as commit,
       current_user as user, ${limitOf('statement_timeout')} as "statementMs",
       ${limitOf('transaction_timeout')} as "transactionMs",
       (select count(*)::int from pg_stat_replication) as standbys,
       coalesce(current_setting('synchronous_standby_names', true), '') as synchronous,
       (select to_json(o) from (
          select pid, usename::text as user, application_name as application,
                 extract(epoch from clock_timestamp() - xact_start)::float8 as seconds
            from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
             and (backend_xmin is not null or backend_xid is not null)
           order by xact_start limit 1) o) as open`;
