import type { RetryableCode } from '../errors/error-code.ts';
import { RetryableError, TerminalError } from '../errors/sync-error.ts';

/** What the server and Node say of an error; `code` is a SQLSTATE or a system error's name. */
interface DriverError {
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly message?: unknown;
}

/** The SQLSTATE, or undefined where the error did not come from the server. */
export const sqlStateOf = (error: unknown): string | undefined => {
  const { code } = (error ?? {}) as DriverError;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E') ? code : undefined;
};

/** The violated constraint; Citus appends the shard's number to the name, so compare with `startsWith`. */
export const constraintOf = (error: unknown): string => {
  const { constraint } = (error ?? {}) as DriverError;
  return typeof constraint === 'string' ? constraint : '';
};

/**
 * The one place where an error of the driver becomes one of ours: only what the server says of the data itself is
 * terminal; everything else, known or not, may succeed later.
 *
 * The text has the SQLSTATE, the constraint and the server's primary message; never its detail line, which quotes values.
 */
export const toDatabaseError = (error: unknown, doing: string): RetryableError | TerminalError => {
  if (error instanceof RetryableError || error instanceof TerminalError) return error;
  const message = error instanceof Error ? error.message : String((error as DriverError | null)?.message ?? error);
  const code = codeOf(error, message);
  const marks = [sqlStateOf(error), constraintOf(error)].filter((mark) => mark !== undefined && mark !== '');
  const text = `${doing}: ${message}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}`;
  return code === 'database_rejected'
    ? new TerminalError(code, text, { cause: error })
    : new RetryableError(code, text, { cause: error });
};

/** Runs the work; what it throws is one of our two errors. */
export const withDatabaseErrors = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw toDatabaseError(error, doing);
  }
};

/** What was known of a state is no longer true: read it again and plan again. */
export class StaleMetadataError extends RetryableError {}

/** By whole SQLSTATE first, then by its class (the first two characters). */
const bySqlState: Readonly<Record<string, RetryableCode | 'database_rejected'>> = {
  '08': 'database_unavailable', // connection exceptions
  '53': 'database_unavailable', // too many connections, disk full, out of memory
  '57': 'database_unavailable', // shutdown, crash of another backend, starting up
  '58': 'database_unavailable', // I/O of the server
  XX: 'database_unavailable', // the server's internal errors
  '25006': 'database_unavailable', // read only: a replica, or a failover under way
  '40003': 'database_unavailable', // completion unknown: the ledger decides
  '57014': 'database_timeout', // statement_timeout, or cancelled
  '55P03': 'database_timeout', // lock_timeout
  '25P03': 'database_timeout', // idle in transaction
  '25P04': 'database_timeout', // transaction_timeout
  '40': 'database_conflict', // serialization failure, deadlock
  '55': 'database_conflict',
  '23503': 'database_conflict', // a column or state was deleted under us
  '23505': 'database_conflict', // a position or a message id was taken
  '28': 'database_misconfigured', // wrong user or password
  '3D': 'database_misconfigured', // no such database
  '3F': 'database_misconfigured', // no such schema
  '42': 'database_misconfigured', // no such table or column, no permission
  '0A': 'database_misconfigured', // a pooler or a server that cannot do this
  '26': 'database_misconfigured', // named statements through a pooler
  '22': 'database_rejected', // a value that its type refuses
  '23': 'database_rejected', // check, not null, exclusion
  '21': 'database_rejected',
  '44': 'database_rejected',
  '54': 'database_rejected', // too large for a row or an index
  P0: 'database_rejected', // raised by a trigger of the installation
};

const systemCodes =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EMFILE)$/;
/** OpenSSL's and Node's names of what is wrong with a certificate, and of a failed handshake. */
const certificateCodes = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|ERR_OSSL/;

/**
 * Errors of the driver and the pool that carry no code. A connection that does not come about in time means a server that is
 * frozen, which is as far away as one that refuses; what a statement's own time says is not known.
 */
const byMessage: readonly (readonly [RegExp, RetryableCode])[] = [
  [/query read timeout/i, 'database_timeout'],
  [/timeout exceeded when trying to connect|timeout expired/i, 'database_unavailable'],
  [/after calling end on the pool/i, 'shutting_down'],
  [/not support SSL|SASL|SCRAM|password must be a string/i, 'database_misconfigured'],
  [/connection (terminated|ended|closed)|not queryable|socket|websocket/i, 'database_unavailable'],
];

const codeOf = (error: unknown, message: string): RetryableCode | 'database_rejected' => {
  const state = sqlStateOf(error);
  if (state !== undefined) return bySqlState[state] ?? bySqlState[state.slice(0, 2)] ?? 'internal_error';
  const { code } = (error ?? {}) as DriverError;
  if (typeof code === 'string' && systemCodes.test(code)) return 'database_unavailable';
  if (typeof code === 'string' && certificateCodes.test(code)) return 'database_misconfigured';
  return byMessage.find(([pattern]) => pattern.test(message))?.[1] ?? 'internal_error';
};
