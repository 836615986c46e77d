/** What is done with one parameter of a connection string. */
export interface ConnectionParameter {
  readonly name: string;
  /** The environment variable that stands for it if the string is silent, as for libpq. */
  readonly env: string | undefined;
  /** What is wrong with a value, as the end of a sentence that begins with `name=value`; undefined: nothing. */
  readonly fault: (value: string) => string | undefined;
  /** It is taken but cannot be honoured to the letter: what holds instead. Said once at start. */
  readonly note: string | undefined;
}

type Fault = ConnectionParameter['fault'];

const honoured = (name: string, env?: string, fault: Fault = () => undefined): ConnectionParameter => ({
  name,
  env,
  fault,
  note: undefined,
});

/** Refused unless the value asks for what happens anyway. */
const refused = (name: string, why: string, harmless: readonly string[] = [], env?: string): ConnectionParameter => ({
  name,
  env,
  fault: (value) => (harmless.includes(value) ? undefined : `is not supported: ${why}`),
  note: undefined,
});

const noted = (name: string, note: string): ConnectionParameter => ({
  name,
  env: undefined,
  fault: () => undefined,
  note,
});

const oneOf =
  (...words: readonly string[]): Fault =>
  (value) =>
    words.includes(value) ? undefined : `is not one of ${words.join(', ')}`;

const wholeNumber: Fault = (value) => (/^\s*[-+]?\d{1,9}\s*$/.test(value) ? undefined : 'is not a whole number');

const ports: Fault = (value) =>
  value.split(',').every((port) => port === '' || (/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536))
    ? undefined
    : 'is not a port from 1 to 65535';

const authMethods: readonly string[] = ['password', 'md5', 'gss', 'sspi', 'scram-sha-256', 'oauth', 'none'];

const requireAuth: Fault = (value) => {
  const methods = value.split(',');
  const negated = methods.filter((method) => method.startsWith('!')).length;
  if (negated !== 0 && negated !== methods.length) return 'mixes methods with and without "!"';
  const unknown = methods.find((method) => !authMethods.includes(method.replace('!', '')));
  return unknown === undefined ? undefined : `names an unknown method: ${unknown}`;
};

const protocols: readonly string[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
const utf8: readonly string[] = ['UTF8', 'utf8', 'UTF-8', 'utf-8', 'UNICODE', 'unicode', 'auto'];
const noGss = 'GSSAPI is not spoken here';
const noOauth = 'OAuth is not spoken here';
const kernelKeepAlive =
  'the system’s own value holds, because Node.js cannot set it; a statement’s time limit ends a dead connection';

/**
 * Every connection parameter of libpq 18 and its environment variable (PostgreSQL's documentation, 32.1.2 and 32.15), and
 * the few that other drivers add to a URL. A parameter that is not here is refused by its name.
 */
export const connectionParameters: readonly ConnectionParameter[] = [
  honoured('service', 'PGSERVICE'),
  honoured('servicefile', 'PGSERVICEFILE'),
  honoured('host', 'PGHOST', (value) =>
    value.split(',').some((host) => host.startsWith('@')) ? 'is not supported: an abstract socket' : undefined,
  ),
  honoured('hostaddr', 'PGHOSTADDR'),
  honoured('port', 'PGPORT', ports),
  honoured('dbname', 'PGDATABASE'),
  honoured('user', 'PGUSER'),
  honoured('password', 'PGPASSWORD'),
  honoured('passfile', 'PGPASSFILE'),
  honoured('require_auth', 'PGREQUIREAUTH', requireAuth),
  honoured('channel_binding', 'PGCHANNELBINDING', oneOf('disable', 'prefer', 'require')),
  honoured('connect_timeout', 'PGCONNECT_TIMEOUT', wholeNumber),
  refused('client_encoding', 'texts travel as UTF8', utf8, 'PGCLIENTENCODING'),
  honoured('options', 'PGOPTIONS'),
  honoured('application_name', 'PGAPPNAME'),
  honoured('fallback_application_name'),
  honoured('keepalives', undefined, wholeNumber),
  honoured('keepalives_idle', undefined, wholeNumber),
  noted('keepalives_interval', kernelKeepAlive),
  noted('keepalives_count', kernelKeepAlive),
  noted('tcp_user_timeout', kernelKeepAlive),
  refused('replication', 'a replication connection stores nothing', ['false', 'off', 'no', '0']),
  refused('gssencmode', noGss, ['disable', 'prefer'], 'PGGSSENCMODE'),
  refused('krbsrvname', noGss, [], 'PGKRBSRVNAME'),
  refused('gsslib', noGss, [], 'PGGSSLIB'),
  refused('gssdelegation', noGss, ['0'], 'PGGSSDELEGATION'),
  honoured('sslmode', 'PGSSLMODE', oneOf('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full')),
  refused('requiressl', 'write sslmode=require', ['0'], 'PGREQUIRESSL'),
  honoured('sslnegotiation', 'PGSSLNEGOTIATION', oneOf('postgres', 'direct')),
  refused('sslcompression', 'TLS compression is unsafe', ['0'], 'PGSSLCOMPRESSION'),
  honoured('sslcert', 'PGSSLCERT'),
  honoured('sslkey', 'PGSSLKEY', (value) =>
    /^\w{2,}:/.test(value) ? 'is not supported: a key that an engine holds' : undefined,
  ),
  refused('sslkeylogfile', 'the keys of sessions are not written down'),
  honoured('sslpassword'),
  honoured('sslcertmode', 'PGSSLCERTMODE', (value) =>
    value === 'require' ? 'is not supported: write sslcertmode=allow' : oneOf('disable', 'allow')(value),
  ),
  honoured('sslrootcert', 'PGSSLROOTCERT'),
  honoured('sslcrl', 'PGSSLCRL'),
  refused('sslcrldir', 'name one file with sslcrl', [], 'PGSSLCRLDIR'),
  honoured('sslsni', 'PGSSLSNI', oneOf('0', '1')),
  refused('requirepeer', 'Node.js cannot ask a socket who its peer is', [], 'PGREQUIREPEER'),
  honoured('ssl_min_protocol_version', 'PGSSLMINPROTOCOLVERSION', oneOf(...protocols)),
  honoured('ssl_max_protocol_version', 'PGSSLMAXPROTOCOLVERSION', oneOf(...protocols)),
  refused('min_protocol_version', 'protocol 3.0 is spoken', ['3.0'], 'PGMINPROTOCOLVERSION'),
  // Whatever it is, 3.0 is within it.
  honoured('max_protocol_version', 'PGMAXPROTOCOLVERSION', oneOf('3.0', '3.2', 'latest')),
  honoured(
    'target_session_attrs',
    'PGTARGETSESSIONATTRS',
    oneOf('any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'),
  ),
  honoured('load_balance_hosts', 'PGLOADBALANCEHOSTS', oneOf('disable', 'random')),
  refused('scram_client_key', 'give the password'),
  refused('scram_server_key', 'give the password'),
  refused('oauth_issuer', noOauth),
  refused('oauth_client_id', noOauth),
  refused('oauth_client_secret', noOauth),
  refused('oauth_scope', noOauth),
  refused('authtype', 'it means nothing since PostgreSQL 7'),
  refused('tty', 'it means nothing since PostgreSQL 14'),
  // Not libpq's.
  refused('uselibpqcompat', 'every parameter has libpq’s meaning here', ['true']),
  noted('pgbouncer', 'nothing changes: whether a pooler keeps prepared statements is found out'),
];

/** The parameter of that name, or undefined if there is none. */
export const connectionParameter = (name: string): ConnectionParameter | undefined =>
  connectionParameters.find((parameter) => parameter.name === name);
