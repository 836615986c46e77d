import type { ServerList } from '../routing/server-url.ts';

/** What to call the way of authentication in a reason; never its value. */
export type CredentialKind = 'none' | 'token' | 'user' | 'nkey' | 'jwt';

const credentialNames: Readonly<Record<CredentialKind, string>> = {
  none: 'a connection without credentials: set NATS_TOKEN, NATS_USER and NATS_PASSWORD, NATS_NKEY or NATS_CREDS',
  token: 'the token',
  user: 'the user and password',
  nkey: 'the NKey',
  jwt: 'the JWT and its seed',
};

/** Causes by code; of those that are not here the client's own words are told. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  CONNECTION_REFUSED: 'nothing listens there (connection refused)',
  ECONNRESET:
    'the connection was closed by the other side: is it a NATS client port, and is TLS asked for as the server asks?',
  EPIPE: 'the connection was closed by the other side',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up now',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to the network',
  ETIMEDOUT: 'there was no answer in time',
  TIMEOUT:
    'there was no answer in time: is it a NATS client port? A server that asks for a client certificate (NATS_CERT, NATS_KEY), or for TLS first (NATS_TLS_FIRST), says no more than this',
  CONNECTION_TIMEOUT: 'there was no answer in time',
  AUTHENTICATION_EXPIRED: 'the credentials have expired',
  ACCOUNT_EXPIRED: 'the account has expired',
  AUTHENTICATION_TIMEOUT: 'the server got no credentials in time',
  BAD_CREDS: 'the credentials file is not one',
  SERVER_OPT_NA: 'the server has no TLS, and it was asked for (tls://, NATS_CA or NATS_CERT)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the server’s certificate is self-signed: name it, or its authority, in NATS_CA',
  SELF_SIGNED_CERT_IN_CHAIN: 'the server’s certificate is of an unknown authority: name that in NATS_CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the server’s certificate is of an unknown authority: name that in NATS_CA',
  UNABLE_TO_GET_ISSUER_CERT: 'the server’s certificate is of an unknown authority: name that in NATS_CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the server’s certificate is of an unknown authority: name that in NATS_CA',
  CERT_HAS_EXPIRED: 'the server’s certificate has expired',
  CERT_NOT_YET_VALID: 'the server’s certificate is not valid yet: do the clocks agree?',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the server’s certificate is for another host: set NATS_TLS_SERVER_NAME to a name in it',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not begin with TLS: unset NATS_TLS_FIRST',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not begin with TLS: unset NATS_TLS_FIRST',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server asks for a client certificate: set NATS_CERT and NATS_KEY',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the server does not know the authority of the certificate in NATS_CERT',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the server refused the certificate in NATS_CERT',
  'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': 'the server refused the certificate in NATS_CERT',
};

/** Why a connection could not be made, with the host, in one line without any secret. */
export const explainConnectError = (
  error: unknown,
  servers: ServerList['servers'],
  credentials: CredentialKind,
): string => {
  const { code, message } = detailsOf(error);
  const where = `NATS at ${servers.join(', ')}`;
  if (code === 'AUTHORIZATION_VIOLATION' || code === 'BAD_AUTHENTICATION') {
    return `${where} refused ${credentialNames[credentials]} (authorization violation)`;
  }
  const reason = Object.hasOwn(reasons, code) ? reasons[code]! : message.slice(0, 160);
  return `${where} cannot be reached: ${reason}`;
};

interface ErrorLike {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly chainedError?: unknown;
  readonly cause?: unknown;
}

const detailsOf = (error: unknown): { readonly code: string; readonly message: string } => {
  const outer = (error ?? {}) as ErrorLike;
  const inner = (outer.chainedError ?? outer.cause ?? {}) as ErrorLike;
  // The client wraps the system's error; its code says more.
  const innerCode = typeof inner.code === 'string' ? inner.code : undefined;
  const outerCode = typeof outer.code === 'string' ? outer.code : '';
  const message = typeof inner.message === 'string' ? inner.message : outer.message;
  return {
    code: innerCode ?? outerCode,
    message: (typeof message === 'string' ? message : String(error)).split('\n', 1)[0]!,
  };
};
