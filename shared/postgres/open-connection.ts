import { Client, type ClientConfig } from '@neondatabase/serverless';
import { lookup } from 'node:dns/promises';
import { RetryableError } from '../errors/sync-error.ts';
import type { RetryableCode } from '../errors/error-code.ts';
import { serverLabel, type ConnectionTarget, type ServerAddress, type SslMode } from './connection-target.ts';
import { causeOf, sqlStateOf, toDatabaseError } from './database-error.ts';
import { createTcpClient, type TcpClient } from './tcp-client.ts';
import type { SocketOptions } from './tcp-socket.ts';
import { readTlsOptions } from './tls-options.ts';

/** A session that may run statements. */
export interface OpenConnection {
  readonly client: Client;
  readonly server: ServerAddress;
  /** As errors name it. */
  readonly label: string;
  /** Asks the server to end what it is doing for this session; undefined if there is no way. Never rejects. */
  readonly cancel: (() => Promise<void>) | undefined;
}

export interface OpenOptions {
  readonly applicationName: string;
  /** For all servers of the list together, unless the string says how long for one. */
  readonly connectTimeoutMs: number;
  /** For one server at the most, whatever the string says. */
  readonly maxConnectTimeoutMs: number;
  readonly queryTimeoutMs: number;
  /** Where the last connection was found: asked first, so that a dead host of the list costs nothing. */
  readonly first: ServerAddress | undefined;
  /** At least 0 and below 1, for `load_balance_hosts=random`. */
  readonly random: () => number;
}

/** No server of the list could be had. */
export class ConnectError extends RetryableError {
  /** Whether each server said that user or password are wrong. */
  readonly isRefusedLogin: boolean;
  constructor(code: RetryableCode, message: string, isRefusedLogin: boolean, options: ErrorOptions) {
    super(code, message, options);
    this.isRefusedLogin = isRefusedLogin;
  }
}

/**
 * Opens one connection: to the first server of the list that answers and whose session is as `target_session_attrs` asks
 * (read-write, ...). As libpq does, `prefer` and `allow` try both ways of encryption.
 *
 * @throws ConnectError that names every server that was tried, with its cause.
 */
export const openConnection = async (target: ConnectionTarget, options: OpenOptions): Promise<OpenConnection> => {
  const servers = target.isRandom
    ? shuffled(target.servers, options.random)
    : startingWith(target.servers, options.first);
  const failures: Failure[] = [];
  // `prefer-standby` asks everybody for a standby first, then takes anybody.
  const passes =
    target.sessionAttributes === 'prefer-standby' ? (['standby', 'any'] as const) : [target.sessionAttributes];
  for (const wanted of passes) {
    failures.length = 0;
    for (const server of servers) {
      try {
        const client = await connectServer(target, server, options);
        const label = target.database === '' ? serverLabel(server) : `${serverLabel(server)}/${target.database}`;
        const mismatch = await mismatchOf(client, wanted).catch(async (error: unknown) => {
          await close(client);
          throw error;
        });
        if (mismatch === undefined) {
          const cancel = 'cancelStatement' in client ? () => client.cancelStatement() : undefined;
          return { client, server, label, cancel };
        }
        await close(client);
        throw new RetryableError('database_unavailable', `target_session_attrs=${wanted}, but ${mismatch}`);
      } catch (error) {
        failures.push({ server, error });
      }
    }
  }
  throw toConnectError(failures, target);
};

interface Failure {
  readonly server: ServerAddress;
  readonly error: unknown;
}

/** PostgreSQL's 28P01 and 28000; PgBouncer before 1.19 says 08P01 for everything. */
const isRefusedLogin = (error: unknown): boolean =>
  sqlStateOf(error)?.startsWith('28') === true ||
  (sqlStateOf(error) === '08P01' && /authentication failed/i.test(causeOf(error)));

const shuffled = <T>(list: readonly T[], random: () => number): readonly T[] => {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [copy[other]!, copy[last]!];
  }
  return copy;
};

const startingWith = (servers: readonly ServerAddress[], first: ServerAddress | undefined): readonly ServerAddress[] =>
  first === undefined ? servers : [first, ...servers.filter((server) => server !== first)];

/** Of the time for connecting, for one of several servers. */
const leastShareMs = 1_000;

type Encryption = SocketOptions['encryption'];

const connectServer = async (
  target: ConnectionTarget,
  server: ServerAddress,
  options: OpenOptions,
): Promise<Client | TcpClient> => {
  const shareMs = Math.max(leastShareMs, Math.floor(options.connectTimeoutMs / target.servers.length));
  const limitMs = Math.min(target.connectTimeoutMs ?? shareMs, options.maxConnectTimeoutMs);
  const config: ClientConfig = {
    host: server.host,
    port: server.port,
    user: target.user,
    database: target.database,
    password: target.passwordFor(server) ?? '',
    application_name: target.applicationName ?? options.applicationName,
    query_timeout: options.queryTimeoutMs,
    ...(target.options === undefined ? {} : { options: target.options }),
  };
  if (target.transport === 'websocket') return connectWebSocket(config, server, limitMs);
  const tls = server.socketPath === undefined ? target.tls : undefined;
  const [first, second] = encryptionsOf(tls?.mode ?? 'disable', tls?.isDirect === true);
  const attempt = async (encryption: Encryption): Promise<TcpClient> => {
    const socket: SocketOptions = {
      host: server.hostAddress ?? server.host,
      port: server.port,
      path: server.socketPath,
      serverName: server.host,
      sendsName: tls?.sendsName !== false,
      keepAliveAfterMs: target.keepAliveAfterMs,
      encryption,
      tls: tls === undefined || encryption === 'plain' ? {} : readTlsOptions(tls),
    };
    const { channelBinding, requireAuth } = target;
    const client = createTcpClient(config, socket, { channelBinding, requireAuth });
    try {
      return await connectWithin(client, limitMs);
    } catch (error) {
      // Whether the other way has a chance: the server refused this one.
      const isRefusedWay = sqlStateOf(error) === '28000' && (encryption === 'plain' || client.isEncrypted);
      const isBrokenHandshake = encryption === 'offered' && /ERR_(SSL|TLS|OSSL)|EPROTO/.test(causeOf(error));
      if (second === undefined || encryption === second || !(isRefusedWay || isBrokenHandshake)) throw error;
      return attempt(second);
    }
  };
  return attempt(first!);
};

/** A WebSocket fails without any reason (a browser must not tell a page): the name is looked up to find one. */
const connectWebSocket = async (config: ClientConfig, server: ServerAddress, limitMs: number): Promise<Client> => {
  try {
    return await connectWithin(new Client(config), limitMs);
  } catch (error) {
    if (error instanceof Error && error.message !== '') throw error;
    await lookup(server.host);
    throw new Error(`the WebSocket wss://${server.host} could not be opened`, { cause: error });
  }
};

/** Connects, or closes and throws. A host that accepts and says nothing is given up after that time. */
const connectWithin = async <C extends Client>(client: C, limitMs: number): Promise<C> => {
  // A connection that breaks emits too, and an `error` event without a listener ends the process.
  client.on('error', () => undefined);
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      client.connect(),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`timeout expired: no answer within ${limitMs} ms`)), limitMs);
      }),
    ]);
    return client;
  } catch (error) {
    void close(client);
    throw error;
  } finally {
    clearTimeout(timer);
  }
};

/** Ends a client whose end nobody has to wait for. */
const close = async (client: Client): Promise<void> => {
  await client.end().catch(() => undefined);
};

/** The ways to try, in order; the second only if the first got as far as an answer. */
const encryptionsOf = (mode: SslMode, isDirect: boolean): readonly Encryption[] => {
  if (mode === 'disable') return ['plain'];
  if (mode === 'allow') return ['plain', 'required'];
  if (mode === 'prefer') return ['offered', 'plain'];
  return isDirect ? ['direct'] : ['required'];
};

interface SessionRow {
  readonly recovering: boolean;
  readonly readonly: string;
}

/** Why the session is not what is wanted; undefined if it is. */
const mismatchOf = async (
  client: Client,
  wanted: ConnectionTarget['sessionAttributes'],
): Promise<string | undefined> => {
  if (wanted === 'any' || wanted === 'prefer-standby') return undefined;
  const { rows } = await client.query<SessionRow>(
    `select pg_is_in_recovery() as recovering, current_setting('transaction_read_only') as readonly`,
  );
  const row = rows[0];
  const isStandby = row?.recovering === true;
  const isReadOnly = isStandby || row?.readonly === 'on';
  const facts: Readonly<Record<typeof wanted, readonly [isRight: boolean, otherwise: string]>> = {
    'read-write': [!isReadOnly, 'the session is read-only'],
    'read-only': [isReadOnly, 'the session is not read-only'],
    primary: [!isStandby, 'the server is a standby'],
    standby: [isStandby, 'the server is not a standby'],
  };
  const [isRight, otherwise] = facts[wanted];
  return isRight ? undefined : otherwise;
};

const toConnectError = (failures: readonly Failure[], { user, database }: ConnectionTarget): ConnectError => {
  const codes = failures.map(({ error }) => toDatabaseError(error, 'connect').code);
  const isMisconfigured = codes.every((code) => code === 'database_misconfigured');
  const reasons = failures.map(({ server, error }) => `${serverLabel(server)}: ${causeOf(error)}`).join('; ');
  return new ConnectError(
    isMisconfigured ? 'database_misconfigured' : 'database_unavailable',
    `cannot connect to PostgreSQL as ${user} to database ${database} at ${reasons}`,
    failures.every(({ error }) => isRefusedLogin(error)),
    { cause: failures.at(-1)?.error },
  );
};
