import { readFile } from 'node:fs/promises';
import { connect, credsAuthenticator, Events, type ConnectionOptions, type NatsConnection } from 'nats';

export type { Msg, MsgHdrs, NatsConnection, Subscription } from 'nats';

export interface NatsConnectOptions {
  /** `nats://[user:password@|token@]host:port`, `tls://...`; several are separated by commas. */
  readonly url: string;
  /** Shown in the server's monitoring. */
  readonly name: string;
  /** Path of a credentials file (JWT and seed), or its text. */
  readonly creds?: string | undefined;
  readonly token?: string | undefined;
  /** Waits for the first connection for ever; otherwise an unreachable server is an error. */
  readonly waitOnFirstConnect?: boolean;
  readonly connectTimeoutMs?: number;
  readonly onStatus?: (status: 'connected' | 'disconnected' | 'error', detail: string) => void;
}

/**
 * Connects and stays connected: a lost connection is tried again for ever, every quarter second with jitter, and a peer
 * that is silent for 20 seconds counts as lost. Rejects where the first connection fails (unless told to wait).
 */
export const connectNats = async (options: NatsConnectOptions): Promise<NatsConnection> => {
  const urls = options.url.split(',').map((part) => new URL(part.trim()));
  const connection = await connect({
    servers: urls.map((url) => `${url.hostname}:${url.port === '' ? '4222' : url.port}`),
    ...(urls.some((url) => url.protocol === 'tls:') ? { tls: {} } : {}),
    ...(await authenticationOf(options, urls[0])),
    name: options.name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 10_000,
    maxPingOut: 2,
    timeout: options.connectTimeoutMs ?? 5_000,
    waitOnFirstConnect: options.waitOnFirstConnect ?? false,
    // A user whose permissions are being changed must not end a long-lived process.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
  });
  // The loop ends with the connection; the status iterator itself cannot fail.
  if (options.onStatus) void reportStatus(connection, options.onStatus);
  return connection;
};

const authenticationOf = async (options: NatsConnectOptions, userInfo: URL | undefined): Promise<ConnectionOptions> => {
  if (options.creds !== undefined) {
    const text = options.creds.includes('-----BEGIN') ? options.creds : await readFile(options.creds, 'utf8');
    return { authenticator: credsAuthenticator(new TextEncoder().encode(text)) };
  }
  if (options.token !== undefined) return { token: options.token };
  if (userInfo === undefined || userInfo.username === '') return {};
  const user = decodeURIComponent(userInfo.username);
  return userInfo.password === '' ? { token: user } : { user, pass: decodeURIComponent(userInfo.password) };
};

const reportStatus = async (
  connection: NatsConnection,
  report: NonNullable<NatsConnectOptions['onStatus']>,
): Promise<void> => {
  for await (const status of connection.status()) {
    const detail = typeof status.data === 'string' ? status.data : '';
    if (status.type === Events.Disconnect) report('disconnected', detail);
    else if (status.type === Events.Reconnect) report('connected', detail);
    else if (status.type === Events.Error) report('error', detail);
  }
};
