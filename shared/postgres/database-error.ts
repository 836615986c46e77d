import type { RetryableCode } from '../errors/error-code.ts';
import { ConfigError } from '../config/settings.ts';
import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import { verdictOf, type SqlStateVerdict } from './sql-state.ts';

/** What the server and Node say of an error; `code` is a SQLSTATE or a system error's name. */
interface DriverError {
  readonly code?: unknown;
  readonly severity?: unknown;
  readonly constraint?: unknown;
  readonly message?: unknown;
}

/** The SQLSTATE, or undefined if the error did not come from the server. */
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
 * Why it failed, in one line that is never empty: an error of several attempts (one for each IP address of a host) has no
 * message of its own.
 */
export const causeOf = (error: unknown): string => {
  const message = messageOf(error);
  const code = errorCodeOf(error);
  return code !== '' && !message.includes(code) ? `${message} (${code})` : message;
};

/**
 * The one place where an error of the driver becomes one of ours: only what the server says of the data itself is
 * terminal; everything else, known or not, may succeed later.
 *
 * The text has the SQLSTATE, the constraint, the server's primary message and, if anything but the data is at fault, the
 * server; never its detail line, which quotes values.
 */
export const toDatabaseError = (error: unknown, doing: string): RetryableError | TerminalError => {
  if (error instanceof RetryableError || error instanceof TerminalError) return error;
  const message = messageOf(error);
  const code = codeOf(error, message);
  const marks = [errorCodeOf(error), constraintOf(error)].filter((mark) => mark !== '' && !message.includes(mark));
  const server = typeof error === 'object' && error !== null ? serverOf.get(error) : undefined;
  const where = server === undefined || code === 'database_rejected' ? '' : ` at ${server}`;
  const text = `${doing}: ${message}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}${where}`;
  return code === 'database_rejected'
    ? new TerminalError(code, text, { cause: error })
    : new RetryableError(code, text, { cause: error });
};

/** Whether a statement's time ran out here, so that the server may still be at it. */
export const isUnanswered = (error: unknown): boolean =>
  sqlStateOf(error) === undefined && /query read timeout/i.test(messageOf(error));

/** Notes which server a driver's error is about, so that its reason can name it. */
export const noteServer = (error: unknown, label: string): void => {
  if (typeof error === 'object' && error !== null) serverOf.set(error, label);
};

/** Runs the work; what it throws is one of our two errors, or a ConfigError: settings that no retry mends. */
export const withDatabaseErrors = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw toDatabaseError(error, doing);
  }
};

/** What becomes of the connection over which a statement failed. */
export const connectionAfter = (error: unknown): SqlStateVerdict['connection'] => {
  if (error instanceof StaleMetadataError) return 'keep';
  const state = sqlStateOf(error);
  // Nothing of the server: the connection broke, or its answer did not come in time and would be taken for the next one's.
  if (state === undefined) return 'drop';
  const { connection } = verdictOf(state, messageOf(error));
  // FATAL and PANIC end the session, whatever the code.
  return connection === 'keep' && (error as DriverError).severity !== 'ERROR' ? 'drop' : connection;
};

/** What was known of a state is no longer true: read it again and plan again. */
export class StaleMetadataError extends RetryableError {}

const serverOf = new WeakMap<object, string>();

/** A SQLSTATE, or Node's name of an error; empty if it has none. */
const errorCodeOf = (error: unknown): string => {
  const { code } = (error ?? {}) as DriverError;
  return typeof code === 'string' ? code : '';
};

const messageOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === '') {
    return [...new Set(error.errors.map((part) => messageOf(part)))].join(', ');
  }
  const message = error instanceof Error ? error.message : String((error as DriverError | null)?.message ?? error);
  return message === '' ? 'no reason given' : message;
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
  if (state !== undefined) return verdictOf(state, message).code;
  const { code } = (error ?? {}) as DriverError;
  if (typeof code === 'string' && systemCodes.test(code)) return 'database_unavailable';
  if (typeof code === 'string' && certificateCodes.test(code)) return 'database_misconfigured';
  const known = byMessage.find(([pattern]) => pattern.test(message))?.[1];
  if (known !== undefined) return known;
  // A message of the protocol without a code: a proxy before the server (Neon's, say) has something in its way.
  return (error as DriverError | null)?.severity === undefined ? 'internal_error' : 'database_unavailable';
};
