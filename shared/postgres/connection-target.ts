import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { connectionParameter, connectionParameters } from '../config/connection-parameters.ts';
import { parameterFaults, parseConnectionString, type ConnectionParameters } from '../config/connection-string.ts';
import { ConfigError } from '../config/settings.ts';
import { readPasswordFile } from './password-file.ts';
import { readService } from './service-file.ts';

/** How a connection is encrypted, in libpq's words. */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Names of files: they are read for each connection, so that renewed certificates are used. */
export interface TlsSettings {
  readonly mode: Exclude<SslMode, 'disable'>;
  /** TLS from the first byte, without asking the server first. */
  readonly isDirect: boolean;
  /** `system`: the machine's certificate authorities. */
  readonly rootCertificate: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly passphrase: string | undefined;
  readonly revocations: string | undefined;
  readonly sendsName: boolean;
  readonly minVersion: string | undefined;
  readonly maxVersion: string | undefined;
}

/** One server that may be connected to. */
export interface ServerAddress {
  /** As it was given: what a certificate is checked against, and what errors name. */
  readonly host: string;
  /** The IP address that stands for the host, if one is given. */
  readonly hostAddress: string | undefined;
  readonly port: number;
  /** Of a Unix socket; TLS is not used over it. */
  readonly socketPath: string | undefined;
}

export type SessionAttributes = 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby';

/** Everything that a connection string, its service, the environment and libpq's defaults say together. */
export interface ConnectionTarget {
  /** Neon's own hosts are reached through the driver's WebSocket, all others through TCP. */
  readonly transport: 'websocket' | 'tcp';
  readonly servers: readonly ServerAddress[];
  readonly user: string;
  readonly database: string;
  /** Read anew for each connection if it stands in a file. @throws RetryableError `database_misconfigured` */
  readonly passwordFor: (server: ServerAddress) => string | undefined;
  /** Undefined: not encrypted by us (the WebSocket is by itself). */
  readonly tls: TlsSettings | undefined;
  readonly channelBinding: 'disable' | 'prefer' | 'require';
  /** Methods of authentication that are accepted; undefined: all. `!` before each means all but these. */
  readonly requireAuth: readonly string[] | undefined;
  readonly sessionAttributes: SessionAttributes;
  readonly isRandom: boolean;
  readonly applicationName: string | undefined;
  readonly options: string | undefined;
  /** For one server; undefined if the string does not say. */
  readonly connectTimeoutMs: number | undefined;
  /** Undefined: TCP keepalives are off. */
  readonly keepAliveAfterMs: number | undefined;
  /** What is taken and cannot be honoured to the letter, one sentence each; for the log and for `doctor`. */
  readonly notes: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

const defaultKeepAliveMs = 10_000;

/**
 * Works out where and how to connect. What a connection string does not say comes from its service, then from libpq's
 * environment variables, then from libpq's defaults. Two defaults are our own: with several hosts the session must be
 * read-write, because a store that only reads stores nothing; and `verify-ca` and `verify-full` trust the public authorities
 * if neither `sslrootcert` nor `~/.postgresql/root.crt` is there.
 *
 * @throws ConfigError that names every parameter at fault; it never holds a password.
 */
export const resolveTarget = (connectionString: string, env: Environment = {}): ConnectionTarget => {
  const parsed = parseConnectionString(connectionString);
  if ('faults' in parsed) throw faulty(parsed.faults);
  const given = withService(parsed.parameters, env);
  const all = withEnvironment(given, env);
  const get = (name: string): string | undefined => {
    const value = all.get(name);
    return value === '' ? undefined : value;
  };

  const servers = serversOf(get('host'), get('hostaddr'), get('port'));
  const user = get('user') ?? env['USER'] ?? systemUser();
  const database = get('dbname') ?? user;
  const tls = tlsOf(get, given, env);
  const channelBinding = (get('channel_binding') ?? 'prefer') as ConnectionTarget['channelBinding'];
  const sessionAttributes = (get('target_session_attrs') ??
    (servers.length > 1 ? 'read-write' : 'any')) as SessionAttributes;
  const timeout = Number(get('connect_timeout') ?? 0);
  const idle = Number(get('keepalives_idle') ?? 0);
  const isTcpOnly =
    servers.length > 1 ||
    channelBinding === 'require' ||
    ['hostaddr', 'require_auth', 'sslrootcert', 'sslcert', 'sslkey', 'sslcrl'].some((name) => given.has(name)) ||
    get('sslnegotiation') === 'direct' ||
    sessionAttributes !== 'any';
  const isNeon = servers.every(({ host }) => isNeonHost(host));
  if (isNeon && tls === undefined)
    throw faulty(['has sslmode=disable, which a Neon host refuses: it is always encrypted']);
  const transport = isNeon && !isTcpOnly ? 'websocket' : 'tcp';
  if (
    channelBinding === 'require' &&
    (tls === undefined || servers.some(({ socketPath }) => socketPath !== undefined))
  ) {
    throw faulty(['has channel_binding=require, which needs TLS: write sslmode=require']);
  }
  return {
    transport,
    servers,
    user,
    database,
    passwordFor: passwordSource(get, given, env, user, database),
    tls: transport === 'websocket' ? undefined : tls,
    channelBinding,
    requireAuth: get('require_auth')?.split(','),
    sessionAttributes,
    isRandom: get('load_balance_hosts') === 'random',
    applicationName: get('application_name') ?? get('fallback_application_name'),
    options: get('options'),
    // As for libpq: 0 means no limit of its own, and 1 means 2.
    connectTimeoutMs: timeout > 0 ? Math.max(timeout, 2) * 1_000 : undefined,
    keepAliveAfterMs: Number(get('keepalives') ?? 1) === 0 ? undefined : idle > 0 ? idle * 1_000 : defaultKeepAliveMs,
    notes: [...given.keys()].flatMap((name) => {
      const note = connectionParameter(name)?.note;
      return note === undefined ? [] : [`DATABASE_URL has ${name}: ${note}`];
    }),
  };
};

/** As errors name a server. */
export const serverLabel = ({ host, port, socketPath }: ServerAddress): string =>
  socketPath ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Where a connection string leads, `host:port/database`, for people: neither the user nor the password is in it. */
export const describeTarget = ({ servers, database }: ConnectionTarget): string =>
  `${servers.map(serverLabel).join(',')}/${database}`;

const faulty = (faults: readonly string[]): ConfigError =>
  new ConfigError(faults.map((fault) => `DATABASE_URL ${fault}`));

const withService = (parameters: ConnectionParameters, env: Environment): ConnectionParameters => {
  const service = parameters.get('service') ?? env['PGSERVICE'];
  if (service === undefined || service === '') return parameters;
  const found = readService(service, env, parameters.get('servicefile') ?? env['PGSERVICEFILE']);
  if (typeof found === 'string') throw faulty([found]);
  const faults = parameterFaults(found);
  if (faults.length > 0) throw faulty(faults.map((fault) => `names the service ${service}, which ${fault}`));
  return new Map([...found, ...parameters]);
};

const withEnvironment = (parameters: ConnectionParameters, env: Environment): ConnectionParameters => {
  const fromEnv = new Map<string, string>();
  for (const { name, env: variable } of connectionParameters) {
    const value = variable === undefined ? undefined : env[variable];
    if (value !== undefined && value !== '' && !parameters.has(name)) fromEnv.set(name, value);
  }
  // The address comes from one place: a port of the environment belongs to its host.
  if (parameters.has('host') || parameters.has('hostaddr')) {
    fromEnv.delete('host');
    fromEnv.delete('hostaddr');
    if (fromEnv.get('port')?.includes(',') === true) fromEnv.delete('port');
  }
  const faults = parameterFaults(fromEnv);
  if (faults.length > 0) {
    throw new ConfigError(faults.map((fault) => `the environment of DATABASE_URL (PG...) ${fault}`));
  }
  return new Map([...fromEnv, ...parameters]);
};

const serversOf = (
  hosts: string | undefined,
  hostAddresses: string | undefined,
  ports: string | undefined,
): readonly ServerAddress[] => {
  const addresses = hostAddresses?.split(',') ?? [];
  const names = hosts?.split(',') ?? addresses.map(() => '');
  const portList = ports?.split(',') ?? [];
  return (names.length === 0 ? [''] : names).map((name, index): ServerAddress => {
    const port = Number((portList.length === 1 ? portList[0] : portList[index]) || 5432);
    const hostAddress = addresses[index] === '' ? undefined : addresses[index];
    const host = name !== '' ? name : (hostAddress ?? defaultHost(port));
    const isSocket = host.startsWith('/');
    return { host, hostAddress, port, socketPath: isSocket ? join(host, `.s.PGSQL.${port}`) : undefined };
  });
};

const socketFolders: readonly string[] = ['/var/run/postgresql', '/tmp'];

const systemUser = (): string => {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a number that no account has.
    throw faulty(['has no user, and this process runs as nobody that has a name']);
  }
};

/** Without a host libpq takes the local socket; on a machine that has none, this one. */
const defaultHost = (port: number): string =>
  socketFolders.find((folder) => existsSync(join(folder, `.s.PGSQL.${port}`))) ?? 'localhost';

const tlsOf = (
  get: (name: string) => string | undefined,
  given: ConnectionParameters,
  env: Environment,
): TlsSettings | undefined => {
  const home = (file: string): string | undefined => {
    const path = env['HOME'] === undefined ? undefined : join(env['HOME'], '.postgresql', file);
    return path !== undefined && existsSync(path) ? path : undefined;
  };
  const rootCertificate = get('sslrootcert') ?? home('root.crt');
  const isSystem = rootCertificate === 'system';
  const mode = (get('sslmode') ?? (isSystem ? 'verify-full' : 'prefer')) as SslMode;
  const isDirect = get('sslnegotiation') === 'direct';
  if (mode === 'disable') {
    const certificates = ['sslrootcert', 'sslcert', 'sslkey', 'sslcrl'].filter((name) => given.has(name));
    if (certificates.length > 0) throw faulty([`has ${certificates.join(', ')}, but sslmode=disable`]);
  }
  if (isSystem && mode !== 'verify-full')
    throw faulty([`has sslrootcert=system, which needs sslmode=verify-full, not ${mode}`]);
  if (isDirect && ['disable', 'allow', 'prefer'].includes(mode)) {
    throw faulty([`has sslnegotiation=direct, which needs sslmode=require or stronger, not ${mode}`]);
  }
  if (mode === 'disable') return undefined;
  const isSent = get('sslcertmode') !== 'disable';
  return {
    // libpq: a root certificate makes `require` verify the chain.
    mode: mode === 'require' && rootCertificate !== undefined ? 'verify-ca' : mode,
    isDirect,
    rootCertificate,
    certificate: isSent ? (get('sslcert') ?? home('postgresql.crt')) : undefined,
    key: isSent ? (get('sslkey') ?? home('postgresql.key')) : undefined,
    passphrase: get('sslpassword'),
    revocations: get('sslcrl'),
    sendsName: get('sslsni') !== '0',
    minVersion: get('ssl_min_protocol_version'),
    maxVersion: get('ssl_max_protocol_version'),
  };
};

const isNeonHost = (host: string): boolean => /(^|\.)neon\.(tech|build)$/.test(host);

const passwordSource = (
  get: (name: string) => string | undefined,
  given: ConnectionParameters,
  env: Environment,
  user: string,
  database: string,
): ConnectionTarget['passwordFor'] => {
  const password = get('password');
  if (password !== undefined) return () => password;
  const named = given.get('passfile') ?? env['PGPASSFILE'];
  const file = named ?? (env['HOME'] === undefined ? undefined : join(env['HOME'], '.pgpass'));
  if (file === undefined) return () => undefined;
  return ({ host, port, socketPath }) =>
    readPasswordFile(file, named !== undefined, {
      host: socketPath === undefined || !socketFolders.includes(host) ? host : 'localhost',
      port,
      database,
      user,
    });
};
