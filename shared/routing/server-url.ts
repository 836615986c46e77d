/** What a server list says: where to connect, whether TLS is asked for, and who connects. */
export interface ServerList {
  /** `host:port`, IPv6 in brackets. */
  readonly servers: readonly string[];
  /** One of the URLs is `tls://`: a server without TLS is refused. */
  readonly isTls: boolean;
  /** Of the first URL that has them. A user without a password is a token. */
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** Schemes that once stood here for another broker: nobody can connect with them, and the existing services never did. */
const oldSchemes: ReadonlySet<string> = new Set(['pulsar', 'pulsar+ssl']);

/** Whether the text names a Pulsar broker, as the existing services' settings did before NATS. */
export const isOldServerUrl = (text: string): boolean => oldSchemes.has(schemeOf(text.split(',', 1)[0] ?? '') ?? '');

/**
 * Reads `nats://user:password@host:port`, `tls://...` or `host:port`; several are separated by commas, the port is 4222
 * if it is absent. What is wrong is said without the text, which may hold a password.
 */
export const parseServerList = (text: string): ServerList | { readonly fault: string } => {
  const servers: string[] = [];
  let isTls = false;
  let user: string | undefined;
  let password: string | undefined;
  for (const part of text.split(',').map((one) => one.trim())) {
    const scheme = schemeOf(part) ?? 'nats';
    if (scheme === 'ws' || scheme === 'wss') {
      return { fault: `must not be a WebSocket URL (${scheme}://): give the server's client port, nats:// or tls://` };
    }
    if (scheme !== 'nats' && scheme !== 'tls') return { fault: `has the scheme ${scheme}, not nats or tls` };
    // A scheme that the URL standard knows nothing of: host and port are left as they were written.
    const url = URL.parse(part.includes('://') ? part : `nats://${part}`);
    if (url === null || url.hostname === '') {
      return { fault: 'is no URL: nats://host:4222, with characters such as # / ? of a password percent-encoded' };
    }
    isTls ||= scheme === 'tls';
    servers.push(`${url.hostname}:${url.port === '' ? '4222' : url.port}`);
    if (user !== undefined || url.username === '') continue;
    user = decoded(url.username);
    password = url.password === '' ? undefined : decoded(url.password);
  }
  return { servers, isTls, user, password };
};

const schemeOf = (text: string): string | undefined => /^\s*([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();

/** A percent sign that begins no escape stands for itself. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
