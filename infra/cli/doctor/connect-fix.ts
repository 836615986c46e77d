import { causeOf, sqlStateOf } from '../../../shared/postgres/database-error.ts';

/**
 * What mends a connection that did not come about.
 *
 * @param failure the pool's error, whose cause is what the last server of the list said
 */
export const connectFix = (failure: unknown): string => {
  const error = (failure as { readonly cause?: unknown } | null)?.cause ?? failure;
  const state = sqlStateOf(error) ?? '';
  const text = causeOf(error);
  const row = fixes.find(([states, pattern]) => (states === '' || state.startsWith(states)) && pattern.test(text));
  return row?.[2] ?? 'check DATABASE_URL and that the database can be reached from here';
};

/** By SQLSTATE or its beginning (empty: none is needed) and by text; the first that fits. */
const fixes: readonly (readonly [state: string, pattern: RegExp, fix: string])[] = [
  [
    '28000',
    /pg_hba/,
    'add the user and this address to pg_hba.conf, or sslmode=require to DATABASE_URL if only TLS is admitted',
  ],
  ['28000', /certificate/, 'add sslcert and sslkey to DATABASE_URL'],
  ['28', /./, 'correct the user and password in DATABASE_URL'],
  ['3D000', /./, 'correct the database name in DATABASE_URL, or: createdb NAME'],
  ['53300', /./, 'psql: show max_connections; fewer replicas or a lower MAX_DB_CONNECTIONS, or PgBouncer before it'],
  ['57P03', /./, 'wait: the server starts or stops; its log says why'],
  [
    '08P01',
    /unsupported startup parameter/,
    'pgbouncer.ini: ignore_startup_parameters = options, or take options out of DATABASE_URL',
  ],
  [
    '08P01',
    /no such database/,
    'pgbouncer.ini: add the database under [databases], or correct its name in DATABASE_URL',
  ],
  [
    '08P01',
    /no such user|authentication failed/,
    'add the user to PgBouncer’s auth_file, or correct user and password in DATABASE_URL',
  ],
  ['08P01', /max_client_conn/, 'pgbouncer.ini: raise max_client_conn'],
  ['08P01', /./, 'start the server behind the pooler; the pooler’s log says why it cannot reach it'],
  ['', /target_session_attrs/, 'name the server that takes writes in DATABASE_URL, or correct target_session_attrs'],
  [
    '',
    /channel_binding|require_auth/,
    'psql: set password_encryption to scram-sha-256 and set the password again, or correct channel_binding and require_auth in DATABASE_URL',
  ],
  ['', /none is given/, 'add the password to DATABASE_URL, or a passfile'],
  ['', /cannot be read|everybody can read/, 'correct the file in DATABASE_URL, or its permissions'],
  ['', /not support SSL/, 'psql: alter system set ssl = on (with a certificate), or sslmode=prefer in DATABASE_URL'],
  ['', /ALTNAME/, 'name the host in DATABASE_URL as its certificate does, or sslmode=verify-ca'],
  ['', /self-signed|UNABLE_TO|CERT_/, 'add sslrootcert=/path/to/ca.crt to DATABASE_URL'],
  ['', /CERTIFICATE_REQUIRED|certificate required/i, 'add sslcert and sslkey to DATABASE_URL'],
  ['', /ENOTFOUND|EAI_AGAIN/, 'correct the host in DATABASE_URL'],
  [
    '',
    /ENOENT.*\.s\.PGSQL|\.s\.PGSQL.*ENOENT/,
    'psql: show unix_socket_directories; correct host and port in DATABASE_URL',
  ],
  ['', /ECONNREFUSED/, 'start PostgreSQL (npm start has one), or correct host and port in DATABASE_URL'],
  [
    '',
    /timeout expired|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/,
    'open the way to host and port in DATABASE_URL (firewall, security group, network policy)',
  ],
];
