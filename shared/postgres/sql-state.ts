import type { RetryableCode } from '../errors/error-code.ts';

/** What one SQLSTATE, or a class of them, means for the statement and for the connection that it came over. */
export interface SqlStateVerdict {
  /** `database_rejected`: the data's own fault. Every other code may succeed later and is never the message's fault. */
  readonly code: RetryableCode | 'database_rejected';
  /**
   * `keep`: the connection is as good as before. `drop`: it is closed. `drop-all`: the server behind the address has stopped,
   * or has become another one, so every connection that was opened before is closed.
   */
  readonly connection: 'keep' | 'drop' | 'drop-all';
}

/** Looks up the whole SQLSTATE first, then its class; if the state is a vague one, the text decides. */
export const verdictOf = (state: string, message = ''): SqlStateVerdict =>
  (vagueStates.has(state) ? byText.find(([pattern]) => pattern.test(message))?.[1] : undefined) ??
  bySqlState.get(state) ??
  bySqlState.get(state.slice(0, 2)) ??
  unknownState;

type Row = readonly [state: string, code: SqlStateVerdict['code'], connection: SqlStateVerdict['connection']];

/**
 * PostgreSQL's error codes (its documentation, appendix A). A row with two characters is a whole class; one with five is an
 * exception from it.
 */
const rows: readonly Row[] = [
  ['00', 'internal_error', 'keep'], // 00 to 03 are no errors: only a trigger raises them
  ['01', 'internal_error', 'keep'],
  ['02', 'internal_error', 'keep'],
  ['03', 'internal_error', 'keep'],
  ['08', 'database_unavailable', 'drop-all'], // connection exceptions; PgBouncer uses 08P01 for all that it says itself
  ['09', 'internal_error', 'keep'], // triggered action
  ['0A', 'database_misconfigured', 'keep'], // a pooler or a server that cannot do this
  ['0B', 'database_unavailable', 'drop'], // the session is in no state that we know
  ['0F', 'internal_error', 'keep'],
  ['0L', 'database_misconfigured', 'keep'], // roles and grants
  ['0P', 'database_misconfigured', 'keep'],
  ['0Z', 'internal_error', 'keep'],
  ['10', 'internal_error', 'keep'],
  ['20', 'database_rejected', 'keep'],
  ['21', 'database_rejected', 'keep'],
  ['22', 'database_rejected', 'keep'], // a value that its type refuses
  ['2200H', 'database_misconfigured', 'keep'], // the sequence that numbers columns is used up
  ['23', 'database_rejected', 'keep'], // check, not null, exclusion
  ['23001', 'database_conflict', 'keep'],
  ['23503', 'database_conflict', 'keep'], // a column or state was deleted under us
  ['23505', 'database_conflict', 'keep'], // a position or a message id was taken
  ['24', 'database_unavailable', 'drop'], // session state, as 0B
  ['25', 'database_unavailable', 'drop'],
  ['25006', 'database_unavailable', 'drop-all'], // read only: a replica, or the old primary after a failover
  ['25P03', 'database_timeout', 'drop'], // idle_in_transaction_session_timeout
  ['25P04', 'database_timeout', 'drop'], // transaction_timeout
  ['26', 'database_misconfigured', 'keep'], // named statements through a pooler
  ['27', 'internal_error', 'keep'],
  ['28', 'database_misconfigured', 'drop'], // wrong user or password
  ['2B', 'database_conflict', 'keep'],
  ['2D', 'database_unavailable', 'drop'],
  ['2F', 'internal_error', 'keep'],
  ['34', 'database_unavailable', 'drop'],
  ['38', 'internal_error', 'keep'],
  ['39', 'internal_error', 'keep'],
  ['3B', 'database_unavailable', 'drop'],
  ['3D', 'database_misconfigured', 'drop'], // no such database
  ['3F', 'database_misconfigured', 'keep'], // no such schema
  ['40', 'database_conflict', 'keep'], // serialization failure, deadlock
  ['40003', 'database_unavailable', 'drop'], // completion unknown: the ledger decides
  ['42', 'database_misconfigured', 'keep'], // no such table or column, no permission
  ['44', 'database_rejected', 'keep'],
  ['53', 'database_unavailable', 'keep'], // disk full, a limit of the configuration
  ['53200', 'database_unavailable', 'drop'], // out of memory: its backend gives back what it holds
  ['53300', 'database_unavailable', 'drop'], // too many connections
  ['54', 'database_rejected', 'keep'], // too large for a row or an index
  ['55', 'database_conflict', 'keep'],
  ['55P02', 'database_misconfigured', 'keep'],
  ['55P03', 'database_timeout', 'keep'], // lock_timeout
  ['57', 'database_unavailable', 'drop-all'], // shutdown, crash of another backend, starting up
  ['57014', 'database_timeout', 'keep'], // statement_timeout, or cancelled
  ['57P04', 'database_misconfigured', 'drop-all'], // the database was dropped
  ['57P05', 'database_unavailable', 'drop'], // idle_session_timeout
  ['58', 'database_unavailable', 'drop'], // I/O of the server
  ['72', 'database_conflict', 'keep'], // snapshot too old
  ['F0', 'database_misconfigured', 'drop'],
  ['HV', 'database_misconfigured', 'keep'], // a table that is a foreign one
  ['HV00N', 'database_unavailable', 'keep'],
  ['P0', 'database_rejected', 'keep'], // raised by a trigger of the installation
  ['XX', 'database_unavailable', 'drop'], // the server's internal errors, and most of what a proxy says itself
];

const bySqlState: ReadonlyMap<string, SqlStateVerdict> = new Map(
  rows.map(([state, code, connection]) => [state, { code, connection }]),
);

/**
 * What a text says against its code: poolers and proxies have few codes for many things, and PostgreSQL itself says 54000
 * if no transaction can begin.
 */
const byText: readonly (readonly [pattern: RegExp, verdict: SqlStateVerdict])[] = [
  [/wraparound/i, { code: 'database_unavailable', connection: 'keep' }],
  [/during recovery/i, { code: 'database_unavailable', connection: 'drop-all' }],
  [
    /no such (database|user)|unsupported startup parameter|authentication failed|tenant or user not found|tls (connection )?required|endpoint id is not specified|ip address .* not allowed|invalid sasl|auth_query/i,
    { code: 'database_misconfigured', connection: 'drop' },
  ],
];
/** The states whose text is read: 54000 of PostgreSQL, 08P01 of PgBouncer, XX000 of Supabase's and Neon's proxies. */
const vagueStates: ReadonlySet<string> = new Set(['54000', '08P01', 'XX000']);

const unknownState: SqlStateVerdict = { code: 'internal_error', connection: 'keep' };
