import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connectionParameters } from '../../../shared/config/connection-parameters.ts';
import { parseConnectionString } from '../../../shared/config/connection-string.ts';

const read = (text: string): Readonly<Record<string, string>> => {
  const parsed = parseConnectionString(text);
  if ('faults' in parsed) throw new Error(parsed.faults.join('; '));
  return Object.fromEntries(parsed.parameters);
};
const faultsOf = (text: string): string => {
  const parsed = parseConnectionString(text);
  return 'faults' in parsed ? parsed.faults.join('; ') : 'accepted';
};

/** libpq 18, in the order of its documentation (32.1.2): a value that is taken, and one that is refused. */
const libpq: readonly [name: string, taken: string | undefined, refused?: string][] = [
  ['host', 'a,b', '@abstract'],
  ['hostaddr', '127.0.0.1'],
  ['port', '5433', '0'],
  ['dbname', 'ism'],
  ['user', 'me@server'],
  ['password', 'x'],
  ['passfile', '/x'],
  ['require_auth', '!password,!md5', 'scram-sha-256,!md5'],
  ['channel_binding', 'require', 'yes'],
  ['connect_timeout', '10', 'soon'],
  ['client_encoding', 'UTF8', 'LATIN1'],
  ['options', '-c statement_timeout=5min'],
  ['application_name', 'x'],
  ['fallback_application_name', 'x'],
  ['keepalives', '0', 'off'],
  ['keepalives_idle', '30', 'x'],
  ['keepalives_interval', '10'],
  ['keepalives_count', '3'],
  ['tcp_user_timeout', '1000'],
  ['replication', 'false', 'database'],
  ['gssencmode', 'prefer', 'require'],
  ['sslmode', 'allow', 'Require'],
  ['requiressl', '0', '1'],
  ['sslnegotiation', 'direct', 'requiredirect'],
  ['sslcompression', '0', '1'],
  ['sslcert', '/x'],
  ['sslkey', '/x', 'engine:key'],
  ['sslkeylogfile', undefined, '/x'],
  ['sslpassword', 'x'],
  ['sslcertmode', 'allow', 'require'],
  ['sslrootcert', 'system'],
  ['sslcrl', '/x'],
  ['sslcrldir', undefined, '/x'],
  ['sslsni', '0', 'no'],
  ['requirepeer', undefined, 'postgres'],
  ['ssl_min_protocol_version', 'TLSv1.3', 'SSLv3'],
  ['ssl_max_protocol_version', 'TLSv1.3', '1.3'],
  ['min_protocol_version', '3.0', '3.2'],
  ['max_protocol_version', 'latest', '2.0'],
  ['krbsrvname', undefined, 'postgres'],
  ['gsslib', undefined, 'gssapi'],
  ['gssdelegation', '0', '1'],
  ['scram_client_key', undefined, 'x'],
  ['scram_server_key', undefined, 'x'],
  ['service', 'x'],
  ['servicefile', '/x'],
  ['target_session_attrs', 'read-write', 'master'],
  ['load_balance_hosts', 'random', 'yes'],
  ['oauth_issuer', undefined, 'x'],
  ['oauth_client_id', undefined, 'x'],
  ['oauth_client_secret', undefined, 'x'],
  ['oauth_scope', undefined, 'x'],
  ['authtype', undefined, 'x'],
  ['tty', undefined, 'x'],
  // Of other drivers, seen in the strings that providers show.
  ['uselibpqcompat', 'true', 'false'],
  ['pgbouncer', 'true'],
];

describe('a parameter of a connection string', () => {
  it('is known if libpq knows it', () => {
    expect(connectionParameters.map(({ name }) => name).sort()).toEqual(libpq.map(([name]) => name).sort());
  });

  it.each(libpq)('%s: %s is taken, %s is refused by its name', (name, taken, refused) => {
    const uri = (value: string): string => `postgresql:///?${name}=${encodeURIComponent(value)}`;
    if (taken !== undefined) {
      expect(read(uri(taken))[name]).toBe(taken);
      expect(read(`${name}='${taken}'`)[name]).toBe(taken);
    }
    if (refused !== undefined) expect(faultsOf(uri(refused))).toMatch(new RegExp(`^has (a )?${name}\\b`));
  });

  it('that nobody knows is refused by its name', () => {
    expect(faultsOf('postgresql://h/d?connection_limit=5')).toBe(
      'has a parameter that PostgreSQL does not know: connection_limit',
    );
  });
});

describe('a URI', () => {
  it.each([
    ['postgresql://', {}],
    ['postgres://h', { host: 'h' }],
    ['postgresql://u@h/d', { user: 'u', host: 'h', dbname: 'd' }],
    ['postgresql://u:p@h:5433/d', { user: 'u', password: 'p', host: 'h', port: '5433', dbname: 'd' }],
    ['postgresql://u:p,q;!$&()*+=~@h/d', { user: 'u', password: 'p,q;!$&()*+=~', host: 'h', dbname: 'd' }],
    ['postgresql://u:a:b?c#d[e]@h/d', { user: 'u', password: 'a:b?c#d[e]', host: 'h', dbname: 'd' }],
    ['postgresql://u:p@ss@h/d', { user: 'u', password: 'p@ss', host: 'h', dbname: 'd' }],
    ['postgresql://u%40x:p%2F%25%20é@h/a%20b', { user: 'u@x', password: 'p/% é', host: 'h', dbname: 'a b' }],
    ['postgresql://[2001:db8::1]:5433/d', { host: '2001:db8::1', port: '5433', dbname: 'd' }],
    ['postgresql://a:1,b:2,[::1]:3/d', { host: 'a,b,::1', port: '1,2,3', dbname: 'd' }],
    ['postgresql://a,b/d', { host: 'a,b', dbname: 'd' }],
    ['postgresql://a:1,b/d', { host: 'a,b', port: '1,', dbname: 'd' }],
    ['postgresql://%2Fvar%2Frun%2Fpostgresql/d', { host: '/var/run/postgresql', dbname: 'd' }],
    ['postgresql:///d?host=/tmp&port=5433', { host: '/tmp', port: '5433', dbname: 'd' }],
    ['postgresql://h/?user=a@b', { host: 'h', user: 'a@b' }],
    ['postgresql://h/d?ssl=true', { host: 'h', dbname: 'd', sslmode: 'require' }],
    ['postgresql://h/d?options=-c%20a%3Db%20-c%20c%3Dd', { host: 'h', dbname: 'd', options: '-c a=b -c c=d' }],
    ['postgresql://h/d?options=endpoint%3Dep-x', { host: 'h', dbname: 'd', options: 'endpoint=ep-x' }],
  ])('%s is read as libpq reads it', (text, parameters) => {
    expect(read(text)).toEqual(parameters);
  });

  it.each([
    ['', 'must begin with postgresql://'],
    ['nonsense', 'must begin with postgresql://'],
    ['mysql://u:secret@h/d', 'must begin with postgresql://'],
    ['postgresql://u:secret@h:99999/d', 'has a port, which is not a port'],
    ['postgresql://u:secret@::1/d', 'has an IPv6 address that is not in brackets'],
    ['postgresql://u:secret@[::1/d', 'has an IPv6 address'],
    ['postgresql://u:secret%@h/d', 'has a "%" in its password'],
    ['postgresql://u:secret%ff@h/d', 'has bytes in its password that are no UTF-8'],
    ['postgresql://u:secret%00@h/d', 'has a zero byte in its password'],
    ['postgresql://u:secret/more@h/d', 'has a "/" before its "@"'],
    ['postgresql://u:secret/mo?re@h/d', 'has a "/" before its "@"'],
    ['postgresql://u:secret@h/d?sslmode', 'has a parameter without "="'],
    ['postgresql://u:secret@h/d?hostaddr=1.1.1.1,2.2.2.2', 'has 1 host and 2 values of hostaddr'],
    ['postgresql://u:secret@a,b,c/d?port=1,2', 'has 3 hosts and 2 values of port'],
  ])('%j is refused without its password', (text, fault) => {
    expect(faultsOf(text)).toContain(fault);
    expect(faultsOf(text)).not.toContain('secret');
  });

  it('takes every password in percent encoding', () => {
    const text = fc
      .string({ minLength: 1, unit: 'grapheme' })
      .filter((value) => !value.includes('\0') && !/\p{Surrogate}/u.test(value));
    fc.assert(
      fc.property(text, text, (user, password) => {
        const uri = `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@h,i:2/d`;
        expect(read(uri)).toMatchObject({ user, password, host: 'h,i' });
      }),
    );
  });
});

describe('keywords and values', () => {
  it.each([
    ['host=h', { host: 'h' }],
    [' host = h  port=5433 ', { host: 'h', port: '5433' }],
    [`password='a b' user=u`, { password: 'a b', user: 'u' }],
    [String.raw`password='it\'s \\ fine'`, { password: String.raw`it's \ fine` }],
    [String.raw`password=a\ b user=u`, { password: 'a b', user: 'u' }],
    [`password='' user=u`, { password: '', user: 'u' }],
    ['user=u password=', { user: 'u', password: '' }],
    [
      'host=a,b\nport=1,2\ntarget_session_attrs=read-write',
      { host: 'a,b', port: '1,2', target_session_attrs: 'read-write' },
    ],
    ['password=a=b', { password: 'a=b' }],
  ])('%j are read as libpq reads them', (text, parameters) => {
    expect(read(text)).toEqual(parameters);
  });

  it.each([
    ['host=h password=secret more', 'is not a list of key=value'],
    ["host=h password='secret", 'is not a list of key=value'],
    ['host=h password=secret sslmode=no', 'has sslmode=no, which is not one of'],
  ])('%j are refused without the password', (text, fault) => {
    expect(faultsOf(text)).toContain(fault);
    expect(faultsOf(text)).not.toContain('secret');
  });
});
