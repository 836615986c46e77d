import { describe, expect, it } from 'vitest';
import { judgeServer, type ServerFacts } from '../../../infra/cli/doctor/check-server.ts';
import { connectFix } from '../../../infra/cli/doctor/connect-fix.ts';

const serverError = (code: string, message: string): Error => Object.assign(new Error(message), { code });

describe('what mends a connection that did not come about', () => {
  it.each([
    ['28P01', 'password authentication failed for user "u"', /correct the user and password/],
    ['28000', 'no pg_hba.conf entry for host "1.2.3.4"', /pg_hba\.conf/],
    ['28000', 'connection requires a valid client certificate', /sslcert and sslkey/],
    ['3D000', 'database "x" does not exist', /createdb/],
    ['53300', 'sorry, too many clients already', /MAX_DB_CONNECTIONS/],
    ['57P03', 'the database system is starting up', /^wait/],
    ['08P01', 'unsupported startup parameter: options', /ignore_startup_parameters/],
    ['08P01', 'no such database: x', /\[databases\]/],
    ['08P01', 'password authentication failed', /auth_file/],
    ['08P01', 'no more connections allowed (max_client_conn)', /raise max_client_conn/],
    ['08P01', 'query_wait_timeout', /behind the pooler/],
    ['', 'target_session_attrs=read-write, but the session is read-only', /takes writes/],
    ['', 'SASL: require_auth=md5, but the server asks for scram-sha-256', /require_auth/],
    ['', 'password must be a string: the server asks for one, and none is given', /add the password/],
    ['', 'The server does not support SSL connections, and sslmode needs one', /sslmode=prefer/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'Hostname/IP does not match', /as its certificate does/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate', /sslrootcert=/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate', /sslrootcert=/],
    ['ENOTFOUND', 'getaddrinfo ENOTFOUND x', /correct the host/],
    ['ENOENT', 'connect ENOENT /tmp/.s.PGSQL.5432', /unix_socket_directories/],
    ['ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5432', /start PostgreSQL/],
    ['', 'timeout expired: no answer within 5000 ms', /firewall/],
    ['', 'something else', /check DATABASE_URL/],
  ])('%s %s', (code, message, fix) => {
    expect(connectFix(new Error('cannot connect', { cause: serverError(code, message) }))).toMatch(fix);
  });
});

describe('what a server is found to be', () => {
  const right: ServerFacts = {
    version: '18.0',
    ms: 0,
    readonly: 'off',
    commit: 'on',
    user: 'app',
    statementMs: 0,
    transactionMs: 60_000,
    standbys: 1,
    synchronous: 'standby',
    open: null,
  };
  const open = { pid: 7, user: 'reader', application: 'report', seconds: 599 };
  it.each<[Partial<ServerFacts>, readonly string[]]>([
    [{}, []],
    [{ standbys: 0, synchronous: '' }, []],
    [{ readonly: 'on' }, ['read_only']],
    [{ commit: 'off' }, ['commit_not_durable']],
    [{ commit: 'local' }, ['commit_not_durable']],
    [{ commit: 'local', synchronous: '', standbys: 0 }, []],
    [{ synchronous: '' }, ['standby_asynchronous']],
    [{ statementMs: 500 }, ['time_limit_short']],
    [{ open }, []],
    [{ open: { ...open, seconds: 600 } }, ['transaction_open_long']],
    [{ statementMs: 500, transactionMs: 500 }, ['time_limit_short', 'time_limit_short']],
  ])('%j: %j', (facts, codes) => {
    const findings = judgeServer({ ...right, ...facts }, 'h:5432/d');
    expect(findings.map(({ code }) => code)).toEqual(codes);
    expect(findings.every(({ fix }) => fix !== undefined)).toBe(true);
  });
});
