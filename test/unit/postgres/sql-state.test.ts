import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findPostgresBinaries } from '../../../infra/local/postgres-binaries.ts';
import { connectionAfter, toDatabaseError } from '../../../shared/postgres/database-error.ts';
import { verdictOf } from '../../../shared/postgres/sql-state.ts';

/** What is expected of the codes of a class, or of one code, in the order of appendix A. */
type Expectation = 'own fault' | 'outage' | 'misconfigured' | 'timeout' | 'conflict' | 'unknown';

const expected: Readonly<Record<string, Expectation>> = {
  '03': 'unknown',
  '08': 'outage',
  '09': 'unknown',
  '0A': 'misconfigured',
  '0B': 'outage',
  '0F': 'unknown',
  '0L': 'misconfigured',
  '0P': 'misconfigured',
  '0Z': 'unknown',
  '10': 'unknown',
  '20': 'own fault',
  '21': 'own fault',
  '22': 'own fault',
  '2200H': 'misconfigured',
  '23': 'own fault',
  '23001': 'conflict',
  '23503': 'conflict',
  '23505': 'conflict',
  '24': 'outage',
  '25': 'outage',
  '25P03': 'timeout',
  '25P04': 'timeout',
  '26': 'misconfigured',
  '27': 'unknown',
  '28': 'misconfigured',
  '2B': 'conflict',
  '2D': 'outage',
  '2F': 'unknown',
  '34': 'outage',
  '38': 'unknown',
  '39': 'unknown',
  '3B': 'outage',
  '3D': 'misconfigured',
  '3F': 'misconfigured',
  '40': 'conflict',
  '40003': 'outage',
  '42': 'misconfigured',
  '44': 'own fault',
  '53': 'outage',
  '54': 'own fault',
  '55': 'conflict',
  '55P02': 'misconfigured',
  '55P03': 'timeout',
  '57': 'outage',
  '57014': 'timeout',
  '57P04': 'misconfigured',
  '58': 'outage',
  F0: 'misconfigured',
  HV: 'misconfigured',
  HV00N: 'outage',
  P0: 'own fault',
  XX: 'outage',
};
const codes: Readonly<Record<Expectation, string>> = {
  'own fault': 'database_rejected',
  outage: 'database_unavailable',
  misconfigured: 'database_misconfigured',
  timeout: 'database_timeout',
  conflict: 'database_conflict',
  unknown: 'internal_error',
};

let states: readonly string[];

beforeAll(async () => {
  // The list that appendix A is made of comes with the server.
  const { binDir } = await findPostgresBinaries(undefined, () => undefined);
  const text = readFileSync(join(binDir, '../share/postgresql/errcodes.txt'), 'utf8');
  states = [...new Set([...text.matchAll(/^([0-9A-Z]{5})\s+E\s/gm)].map((match) => match[1] ?? ''))];
});

const serverError = (code: string, message = 'text', severity = 'ERROR'): Error =>
  Object.assign(new Error(message), { code, severity });

describe('every error code of PostgreSQL', () => {
  it('has a row of its own or of its class', () => {
    expect(states.length).toBeGreaterThan(240);
    expect(states.filter((state) => verdictOf(state) === verdictOf('ZZZZZ'))).toEqual([]);
  });

  it('is the message’s own fault, an outage, a fault of the installation, a wait or a conflict, as the table says', () => {
    const found = Object.fromEntries(states.map((state) => [state, verdictOf(state).code]));
    const wanted = Object.fromEntries(
      states.map((state) => {
        const expectation = expected[state] ?? expected[state.slice(0, 2)];
        return [state, expectation === undefined ? 'missing in this table' : codes[expectation]];
      }),
    );
    expect(found).toEqual(wanted);
  });

  it('keeps the connection only if the session is in order after it', () => {
    const closed = states.filter((state) => connectionAfter(serverError(state)) !== 'keep');
    const classes = new Set(closed.map((state) => state.slice(0, 2)));
    expect([...classes].sort()).toEqual(
      ['08', '0B', '24', '25', '28', '2D', '34', '3B', '3D', '40', '53', '57', '58', 'F0', 'XX'].sort(),
    );
    expect(closed.filter((state) => /^(40|53)/.test(state))).toEqual(['40003', '53200', '53300']);
    expect(closed).not.toContain('57014');
  });

  it('closes every connection if the server behind the address stops or turns read-only', () => {
    const all = states.filter((state) => connectionAfter(serverError(state)) === 'drop-all');
    expect(all.filter((state) => !state.startsWith('08'))).toEqual([
      '25006',
      '57000',
      '57P01',
      '57P02',
      '57P03',
      '57P04',
    ]);
    expect(all.filter((state) => state.startsWith('08'))).toHaveLength(7);
  });

  it('never keeps the connection after FATAL or PANIC', () => {
    for (const severity of ['FATAL', 'PANIC']) {
      expect(states.filter((state) => connectionAfter(serverError(state, 'text', severity)) === 'keep')).toEqual([]);
    }
  });
});

describe('what poolers and proxies say', () => {
  // PgBouncer 1.18 and later, Supavisor, Neon's proxy, and PostgreSQL's own vague ones: text, code, what it is.
  it.each([
    ['08P01', 'query_wait_timeout', 'database_unavailable', 'drop-all'],
    ['08P01', 'server login failed: the database system is starting up', 'database_unavailable', 'drop-all'],
    ['08P01', 'pgbouncer cannot connect to server', 'database_unavailable', 'drop-all'],
    ['08P01', 'server conn crashed?', 'database_unavailable', 'drop-all'],
    ['08P01', 'no more connections allowed (max_client_conn)', 'database_unavailable', 'drop-all'],
    ['08P01', 'database "x" is disabled', 'database_unavailable', 'drop-all'],
    ['08P01', 'no such database: x', 'database_misconfigured', 'drop'],
    ['08P01', 'no such user: x', 'database_misconfigured', 'drop'],
    ['08P01', 'password authentication failed', 'database_misconfigured', 'drop'],
    ['08P01', 'SASL authentication failed', 'database_misconfigured', 'drop'],
    ['08P01', 'unsupported startup parameter: options', 'database_misconfigured', 'drop'],
    ['08P01', 'TLS connection required', 'database_misconfigured', 'drop'],
    ['XX000', 'Tenant or user not found', 'database_misconfigured', 'drop'],
    ['XX000', 'MaxClientsInSessionMode: max clients reached', 'database_unavailable', 'drop'],
    ['XX000', 'endpoint is disabled. Enable it using Neon API and retry.', 'database_unavailable', 'drop'],
    ['XX000', 'cannot assign TransactionIds during recovery', 'database_unavailable', 'drop-all'],
    [
      '54000',
      'database is not accepting commands that assign new XIDs to avoid wraparound data loss',
      'database_unavailable',
      'keep',
    ],
    ['54000', 'index row size 5000 exceeds btree version 4 maximum 2704', 'database_rejected', 'keep'],
  ])('%s %s: %s, %s', (state, message, code, connection) => {
    expect(toDatabaseError(serverError(state, message), 'x').code).toBe(code);
    expect(connectionAfter(serverError(state, message))).toBe(connection);
  });

  it.each(['Control plane request failed', 'Couldn’t connect to compute node'])(
    'a message without any code (%s) is an outage',
    (message) => {
      expect(toDatabaseError(serverError('', message, 'FATAL'), 'x').code).toBe('database_unavailable');
      expect(connectionAfter(serverError('', message, 'FATAL'))).toBe('drop');
    },
  );
});
