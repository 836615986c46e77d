import { describe, expect, it } from 'vitest';
import { RetryableError, TerminalError } from '../../../shared/errors/sync-error.ts';
import { toDatabaseError, withDatabaseErrors } from '../../../shared/postgres/database-error.ts';

const serverError = (code: string, more: object = {}): Error =>
  Object.assign(new Error('the message'), { code, severity: 'ERROR', detail: 'Key (a)=(secret value)', ...more });

describe('an error of the database', () => {
  it.each([
    ['08006', 'database_unavailable'],
    ['53100', 'database_unavailable'],
    ['53300', 'database_unavailable'],
    ['57P01', 'database_unavailable'],
    ['57P02', 'database_unavailable'],
    ['57P03', 'database_unavailable'],
    ['25006', 'database_unavailable'],
    ['XX000', 'database_unavailable'],
    ['57014', 'database_timeout'],
    ['55P03', 'database_timeout'],
    ['25P03', 'database_timeout'],
    ['40001', 'database_conflict'],
    ['40P01', 'database_conflict'],
    ['23505', 'database_conflict'],
    ['23503', 'database_conflict'],
    ['28P01', 'database_misconfigured'],
    ['3D000', 'database_misconfigured'],
    ['3F000', 'database_misconfigured'],
    ['42P01', 'database_misconfigured'],
    ['42501', 'database_misconfigured'],
    ['26000', 'database_misconfigured'],
    ['22P02', 'database_rejected'],
    ['22021', 'database_rejected'],
    ['22001', 'database_rejected'],
    ['23514', 'database_rejected'],
    ['23502', 'database_rejected'],
    ['54000', 'database_rejected'],
    ['P0001', 'database_rejected'],
    ['99999', 'internal_error'],
  ])('with SQLSTATE %s is %s', (state, code) => {
    const error = toDatabaseError(serverError(state), 'append');
    expect(error.code).toBe(code);
    expect(error).toBeInstanceOf(code === 'database_rejected' ? TerminalError : RetryableError);
  });

  it.each([
    [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'database_unavailable'],
    [Object.assign(new Error('read'), { code: 'ECONNRESET' }), 'database_unavailable'],
    [Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' }), 'database_unavailable'],
    [Object.assign(new Error('write'), { code: 'EPIPE' }), 'database_unavailable'],
    [
      Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
      'database_misconfigured',
    ],
    [Object.assign(new Error('altname'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'database_misconfigured'],
    [new Error('Connection terminated unexpectedly'), 'database_unavailable'],
    [new Error('Client has encountered a connection error and is not queryable'), 'database_unavailable'],
    [new Error('Query read timeout'), 'database_timeout'],
    [new Error('timeout exceeded when trying to connect'), 'database_unavailable'],
    [new Error('timeout expired'), 'database_unavailable'],
    [new Error('Connection terminated due to connection timeout'), 'database_unavailable'],
    [new Error('Cannot use a pool after calling end on the pool'), 'shutting_down'],
    [new TypeError('undefined is not a function'), 'internal_error'],
    ['a text', 'internal_error'],
    [undefined, 'internal_error'],
  ])('that is not from the server, %s, is %s', (cause, code) => {
    const error = toDatabaseError(cause, 'append');
    expect(error).toBeInstanceOf(RetryableError);
    expect(error).toMatchObject({ code, cause });
  });

  it('names the SQLSTATE and the constraint, and never quotes a value', () => {
    const { message } = toDatabaseError(
      serverError('23505', { constraint: 'ledger_pkey_102265' }),
      'append to state S',
    );
    expect(message).toBe('append to state S: the message (23505, ledger_pkey_102265)');
  });

  it.each([
    [new Error(''), 'connect: no reason given'],
    [Object.assign(new Error(''), { code: 'ECONNRESET' }), 'connect: no reason given (ECONNRESET)'],
    [
      new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED 127.0.0.1:1')]),
      'connect: connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1',
    ],
    [{ type: 'error', message: '' }, 'connect: no reason given'],
  ])('always has a reason: %s', (cause, message) => {
    expect(toDatabaseError(cause, 'connect').message).toBe(message);
  });

  it('of ours passes through unchanged', async () => {
    const ours = new RetryableError('unknown_state', 'gone');
    expect(toDatabaseError(ours, 'x')).toBe(ours);
    await expect(withDatabaseErrors('x', () => Promise.reject(ours))).rejects.toBe(ours);
    await expect(withDatabaseErrors('x', () => Promise.reject(serverError('22P02')))).rejects.toBeInstanceOf(
      TerminalError,
    );
  });
});
