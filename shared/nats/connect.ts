import { setTimeout as delay } from 'node:timers/promises';
import {
  connect,
  Events,
  jwtAuthenticator,
  nkeyAuthenticator,
  type Authenticator,
  type ConnectionOptions,
  type NatsConnection as Client,
} from 'nats';

import type { NatsCredentials } from '../config/nats-credentials.ts';
import type { NatsSettings, NatsTlsFiles } from '../config/nats-settings.ts';
import type { StreamSettings } from '../routing/stream-settings.ts';
import { parseServerList } from '../routing/server-url.ts';
import { explainConnectError } from './connect-error.ts';
import { createReconnectPace } from './reconnect-pace.ts';

export type { Msg, MsgHdrs, Subscription } from 'nats';

/** What JetStream is asked through this connection. */
export interface JetStreamAccess {
  /** Prefix of the API's subjects: a domain's, or that of an import. */
  readonly apiPrefix: string;
  readonly eventPrefix: string;
  readonly inboxPrefix: string;
  /** How streams are made, by name. */
  readonly streams: StreamSettings | undefined;
}

/** A connection of the client, and how its JetStream is reached; without `access` it is the server's own. */
export type NatsConnection = Client & { readonly access?: JetStreamAccess };

export interface NatsConnectOptions {
  /** `nats://[user:password@|token@]host:port`, `tls://...`; several are separated by commas. */
  readonly url: string;
  /** Shown in the server's monitoring. */
  readonly name: string;
  /** Credentials, TLS, JetStream's prefix; a plain connection if absent. */
  readonly settings?: NatsSettings | undefined;
  readonly streams?: StreamSettings | undefined;
  /** Waits for the first connection for ever, or until `signal` says otherwise; else an unreachable server is an error. */
  readonly waitOnFirstConnect?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** `unreachable` tells the cause: at the first failure, after a few seconds without a connection, then each minute. */
  readonly onStatus?: (status: NatsStatus, detail: string) => void;
}

export type NatsStatus = 'connected' | 'disconnected' | 'error' | 'unreachable';

/**
 * Connects and stays connected: a lost connection is tried again for ever, every quarter second with jitter, and a peer
 * that is silent for 20 seconds counts as lost. Credentials and certificates are read anew for each connection.
 * @throws NatsConnectError if the first connection fails, unless told to wait
 */
export const connectNats = async (options: NatsConnectOptions): Promise<NatsConnection> => {
  const attempt = attemptOf(options);
  const connection = options.waitOnFirstConnect === true ? await untilConnected(options, attempt) : await attempt();
  // The loop ends with the connection; the status iterator itself cannot fail.
  if (options.onStatus) void reportStatus(connection, options.onStatus, attempt);
  return connection;
};

type Attempt = (retries?: 'none') => Promise<NatsConnection>;

/** An attempt that failed, with its cause and host in the message. */
class NatsConnectError extends Error {
  override readonly name = 'NatsConnectError';
  /** The client's own code. */
  readonly code: string;
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    const code = (cause as { readonly code?: unknown } | null)?.code;
    this.code = typeof code === 'string' ? code : 'UNKNOWN';
  }
}

const defaultTimeoutMs = 4_000;

const attemptOf = (options: NatsConnectOptions): Attempt => {
  const { settings } = options;
  const list = parseServerList(options.url);
  if ('fault' in list) throw new NatsConnectError(`the URL of NATS ${list.fault}`, { code: 'INVALID_URL' });
  const latest = latestSecrets(settings);
  const isTls = (): boolean => {
    const { ca, cert } = latest.tlsFiles();
    return list.isTls || settings?.isTlsFirst === true || ca !== undefined || cert !== undefined;
  };
  const credentials = (): NatsCredentials => {
    const own = latest.credentials();
    if (own.kind !== 'none' || list.user === undefined) return own;
    return list.password === undefined
      ? { kind: 'token', token: list.user }
      : { kind: 'user', user: list.user, password: list.password };
  };
  return async (retries) => {
    const clientOptions: ConnectionOptions = {
      servers: [...list.servers],
      ...(isTls() ? { tls: tlsOptions(settings, latest.tlsFiles) } : {}),
      ...(credentials().kind === 'none' ? {} : { authenticator: authenticatorOf(credentials) }),
      name: options.name,
      maxReconnectAttempts: retries === 'none' ? 0 : -1,
      reconnect: retries !== 'none',
      reconnectDelayHandler: createReconnectPace({
        waitMs: 250,
        jitterMs: 250,
        epochMs: () => Date.now(),
        monotonicMs: () => performance.now(),
        random: Math.random,
      }),
      pingInterval: 10_000,
      maxPingOut: 2,
      timeout: settings?.connectTimeoutMs ?? defaultTimeoutMs,
      ...(settings === undefined ? {} : { inboxPrefix: settings.inboxPrefix }),
      // A user whose permissions are being changed must not end a long-lived process.
      ignoreAuthErrorAbort: true,
      noAsyncTraces: true,
    };
    try {
      const connection = await connect(clientOptions);
      const access: JetStreamAccess = {
        apiPrefix: settings?.apiPrefix ?? '$JS.API',
        eventPrefix: settings?.eventPrefix ?? '$JS.EVENT',
        inboxPrefix: settings?.inboxPrefix ?? '_INBOX',
        streams: options.streams,
      };
      return Object.assign(connection, { access });
    } catch (cause) {
      throw new NatsConnectError(explainConnectError(cause, list.servers, credentials().kind), cause);
    }
  };
};

/** The secrets as they are now; those of the last time while a file is being replaced. */
const latestSecrets = (
  settings: NatsSettings | undefined,
): { readonly credentials: () => NatsCredentials; readonly tlsFiles: () => NatsTlsFiles } => {
  const keep = <T>(read: (() => T) | undefined, initial: T): (() => T) => {
    let last = initial;
    return () => {
      try {
        if (read !== undefined) last = read();
      } catch {
        // A file that is gone for a moment is no reason to connect without it: the server says what it thinks of the old one.
      }
      return last;
    };
  };
  return {
    credentials: keep<NatsCredentials>(settings?.credentials, { kind: 'none' }),
    tlsFiles: keep<NatsTlsFiles>(settings?.tlsFiles, { ca: undefined, cert: undefined, key: undefined }),
  };
};

/** The client reads these members at each connection, and hands `servername` on to Node's TLS. */
const tlsOptions = (
  settings: NatsSettings | undefined,
  files: () => NatsTlsFiles,
): NonNullable<ConnectionOptions['tls']> =>
  ({
    ...(settings?.isTlsFirst === true ? { handshakeFirst: true } : {}),
    ...(settings?.tlsServerName === undefined ? {} : { servername: settings.tlsServerName }),
    get ca() {
      return files().ca;
    },
    get cert() {
      return files().cert;
    },
    get key() {
      return files().key;
    },
  }) as NonNullable<ConnectionOptions['tls']>;

const encoder = new TextEncoder();

/** Called by the client with the server's challenge at each connection. */
const authenticatorOf =
  (credentials: () => NatsCredentials): Authenticator =>
  (nonce) => {
    const now = credentials();
    switch (now.kind) {
      case 'none':
        return undefined;
      case 'token':
        return { auth_token: now.token };
      case 'user':
        return { user: now.user, pass: now.password };
      case 'nkey':
        return nkeyAuthenticator(encoder.encode(now.seed))(nonce);
      case 'jwt':
        return jwtAuthenticator(now.jwt, now.seed === undefined ? undefined : encoder.encode(now.seed))(nonce);
    }
  };

const reportEveryMs = 60_000;

const untilConnected = async (options: NatsConnectOptions, attempt: Attempt): Promise<NatsConnection> => {
  const { signal, onStatus } = options;
  let reportedMs = Number.NEGATIVE_INFINITY;
  for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 2_000)) {
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (performance.now() - reportedMs >= reportEveryMs) {
        reportedMs = performance.now();
        onStatus?.('unreachable', (error as Error).message);
      }
      await delay(waitMs, undefined, { signal, ref: true });
    }
  }
};

const firstReportMs = 3_000;

const reportStatus = async (
  connection: NatsConnection,
  report: NonNullable<NatsConnectOptions['onStatus']>,
  attempt: Attempt,
): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  /** The client tries again without a word: an attempt of our own learns the cause. */
  const learnCause = async (): Promise<void> => {
    try {
      await (await attempt('none')).close();
    } catch (error) {
      if (timer !== undefined) report('unreachable', (error as Error).message);
    }
    if (timer !== undefined) timer = setTimeout(() => void learnCause(), reportEveryMs).unref();
  };
  const forget = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  for await (const status of connection.status()) {
    const detail = typeof status.data === 'string' ? status.data : '';
    if (status.type === Events.Disconnect) {
      report('disconnected', detail);
      timer ??= setTimeout(() => void learnCause(), firstReportMs).unref();
    } else if (status.type === Events.Reconnect) {
      forget();
      report('connected', detail);
    } else if (status.type === Events.Error) report('error', permissionOf(status) ?? detail);
  }
  forget();
};

/** What the user of the connection was not allowed to do, if the server said so. */
const permissionOf = (status: unknown): string | undefined => {
  const context = (status as { readonly permissionContext?: { operation?: string; subject?: string } })
    .permissionContext;
  return context === undefined ? undefined : `the user may not ${context.operation ?? 'use'} ${context.subject ?? ''}`;
};
