import { readFileSync } from 'node:fs';
import { RetryableError } from '../errors/sync-error.ts';

/** How a connection is encrypted, in libpq's words; `allow` cannot be honoured by one connection attempt. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
const sslModes: readonly SslMode[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];

export interface TlsSettings {
  readonly mode: Exclude<SslMode, 'disable'>;
  /** PEM texts; undefined means the system's certificate authorities. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface ConnectionTarget {
  /** Neon's own hosts are reached through the driver's WebSocket, all others through TCP. */
  readonly transport: 'websocket' | 'tcp';
  /** For the driver: the URL without the parameters that are handled here. */
  readonly connectionString: string;
  /** Undefined: not encrypted by us (the WebSocket is by itself). */
  readonly tls: TlsSettings | undefined;
}

/**
 * Reads a libpq URL: every `ssl*` and security parameter is honoured, or refused; none is silently ignored.
 * `sslmode` absent means `prefer`, as for libpq.
 *
 * @throws RetryableError `database_misconfigured`; its message never holds the URL.
 */
export const parseConnectionUrl = (databaseUrl: string): ConnectionTarget => {
  if (!URL.canParse(databaseUrl)) return refuse('is not a URL with one host');
  const url = new URL(databaseUrl);
  if (!/^postgres(ql)?:$/.test(url.protocol)) return refuse('must start with postgresql://');
  if (url.hostname === '' || url.searchParams.has('host')) return refuse('needs a host name (no socket folder)');
  const take = (name: string): string | undefined => {
    const value = url.searchParams.get(name) ?? undefined;
    url.searchParams.delete(name);
    return value === '' ? undefined : value;
  };
  const accept = (name: string, harmless: readonly string[]): void => {
    const value = take(name);
    if (value !== undefined && !harmless.includes(value)) refuse(`${name}=${value} is not supported`);
  };
  accept('channel_binding', ['disable', 'prefer']);
  accept('gssencmode', ['disable', 'prefer']);
  accept('sslnegotiation', ['postgres']);
  accept('ssl', []); // not libpq's: its meaning differs between drivers
  accept('uselibpqcompat', ['true']);
  const mode = (take('sslmode') ?? 'prefer') as SslMode;
  if (!sslModes.includes(mode)) return refuse(`sslmode=${mode} is not supported`);
  const rootCertificate = take('sslrootcert');
  const files = {
    ca: rootCertificate === 'system' ? undefined : rootCertificate,
    cert: take('sslcert'),
    key: take('sslkey'),
  };
  for (const name of url.searchParams.keys()) if (name.startsWith('ssl')) refuse(`${name} is not supported`);
  const connectionString = url.href;

  if (isNeonHost(url.hostname)) {
    if (mode === 'disable') refuse('sslmode=disable is refused: a Neon host is always encrypted');
    if (files.ca ?? files.cert ?? files.key) refuse('certificates are not used with a Neon host');
    return { transport: 'websocket', connectionString, tls: undefined };
  }
  if (mode === 'disable') {
    if (rootCertificate ?? files.cert ?? files.key) refuse('certificates are given, but sslmode=disable');
    return { transport: 'tcp', connectionString, tls: undefined };
  }
  // libpq: a root certificate makes `require` verify the chain.
  const effective = mode === 'require' && rootCertificate !== undefined ? 'verify-ca' : mode;
  return {
    transport: 'tcp',
    connectionString,
    tls: {
      mode: effective,
      ca: readPem('sslrootcert', files.ca),
      cert: readPem('sslcert', files.cert),
      key: readPem('sslkey', files.key),
    },
  };
};

/** Says what is wrong with a URL without repeating it: it holds a password. */
const refuse = (why: string): never => {
  throw new RetryableError('database_misconfigured', `DATABASE_URL: ${why}`);
};

const isNeonHost = (host: string): boolean => /(^|\.)neon\.(tech|build)$/.test(host);

const readPem = (name: string, file: string | undefined): string | undefined => {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RetryableError('database_misconfigured', `DATABASE_URL: ${name} cannot be read`, { cause });
  }
};
