import { readFileSync } from 'node:fs';

import { isOldServerUrl, parseServerList } from '../routing/server-url.ts';
import { readCredentials, type CredentialTexts, type NatsCredentials } from './nats-credentials.ts';
import { readNatsContext } from './nats-context.ts';
import { ConfigError, flag, optionalText, readSettings, type Setting, type SettingSource } from './settings.ts';

/** TLS material as PEM texts. */
export interface NatsTlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/**
 * How every part reaches NATS: functions, connector, `manage`, command line, `npm start`. Credentials and certificates are
 * read anew at each connection, so that a rotated secret is used from the next connection on.
 */
export interface NatsSettings {
  /** In place of every route's own `url`, if set. */
  readonly url: string | undefined;
  /** @throws ConfigError if a file is gone or holds something else by now */
  readonly credentials: () => NatsCredentials;
  /** @throws ConfigError as `credentials` */
  readonly tlsFiles: () => NatsTlsFiles;
  /** TLS begins before the server's greeting. */
  readonly isTlsFirst: boolean;
  /** The name that the server's certificate must have, in place of the host's. */
  readonly tlsServerName: string | undefined;
  /** Subjects of the JetStream API: `$JS.API`, `$JS.<domain>.API`, or the prefix of an import. */
  readonly apiPrefix: string;
  /** Subjects of JetStream's advisories. */
  readonly eventPrefix: string;
  /** Where answers to requests come; users with few rights have one of their own. */
  readonly inboxPrefix: string;
  readonly connectTimeoutMs: number;
}

/**
 * Reads the settings of NATS. Their names are the `nats` tool's; `MSG_URL` is the existing system's name of `NATS_URL`. What
 * the environment and secret files leave open is filled in from the context that `NATS_CONTEXT` names.
 * @throws ConfigError that lists every fault at once, by setting name, never by value
 */
export const readNatsSettings = (source: SettingSource): NatsSettings => {
  const { values, settings, faults } = readAll(source);
  if (settings === undefined || faults.length > 0) throw new ConfigError(faults);
  const latest = (): Read => {
    const read = readAll({ ...source, warn: undefined });
    if (read.faults.length > 0) throw new ConfigError(read.faults);
    return read;
  };
  return Object.freeze({
    ...settings,
    url: values.msgUrl ?? values.url,
    credentials: () => latest().credentials,
    tlsFiles: () => latest().tlsFiles,
  });
};

const subjectPrefix = (name: string): Setting<string | undefined> => ({
  name,
  fallback: undefined,
  parse: (value) =>
    // oxlint-disable-next-line no-control-regex
    /^[^\s.*>\u0000-\u001f]+(\.[^\s.*>\u0000-\u001f]+)*$/.test(value.replace(/\.$/, ''))
      ? { value: value.replace(/\.$/, '') }
      : { fault: 'must be a subject without wildcards' },
});

const serverUrl = (name: string): Setting<string | undefined> => ({
  name,
  fallback: undefined,
  parse: (value) => {
    if (isOldServerUrl(value)) {
      return { value: undefined, warning: 'names a Pulsar broker and is not used: each route has its own url' };
    }
    const parsed = parseServerList(value);
    return 'fault' in parsed ? { fault: parsed.fault } : { value };
  },
});

/** A duration as Go writes it (`5s`, `1m30s`, `500ms`), in milliseconds. */
const goDuration = (name: string, fallback: number): Setting<number> => ({
  name,
  fallback,
  parse: (value) => {
    const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
    const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
    const ms = parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit!]!, 0);
    const isWhole = parts.map(([text]) => text).join('') === value;
    return isWhole && ms >= 100 && ms <= 600_000
      ? { value: Math.round(ms) }
      : { fault: 'must be a duration from 100ms to 10m, such as 5s' };
  },
});

const refusedSetting = (name: string, reason: string): Setting<undefined> => ({
  name,
  fallback: undefined,
  parse: () => ({ fault: reason }),
});

const table = {
  msgUrl: serverUrl('MSG_URL'),
  url: serverUrl('NATS_URL'),
  user: optionalText('NATS_USER'),
  password: optionalText('NATS_PASSWORD'),
  token: optionalText('NATS_TOKEN'),
  nkey: optionalText('NATS_NKEY'),
  creds: optionalText('NATS_CREDS'),
  jwt: optionalText('NATS_JWT'),
  seed: optionalText('NATS_SEED'),
  ca: optionalText('NATS_CA'),
  cert: optionalText('NATS_CERT'),
  key: optionalText('NATS_KEY'),
  isTlsFirst: flag('NATS_TLS_FIRST', false),
  tlsServerName: optionalText('NATS_TLS_SERVER_NAME'),
  domain: subjectPrefix('NATS_JS_DOMAIN'),
  apiPrefix: subjectPrefix('NATS_JS_API_PREFIX'),
  eventPrefix: subjectPrefix('NATS_JS_EVENT_PREFIX'),
  inboxPrefix: subjectPrefix('NATS_INBOX_PREFIX'),
  connectTimeoutMs: goDuration('NATS_TIMEOUT', 4_000),
  socksProxy: refusedSetting('NATS_SOCKS_PROXY', 'is not supported: connect to the server itself'),
} as const;

/** Every variable that says how to reach NATS. */
export const natsSettingNames: readonly string[] = ['NATS_CONTEXT', ...Object.values(table).map(({ name }) => name)];

type Values = { readonly [K in keyof typeof table]: (typeof table)[K] extends Setting<infer V> ? V : never };

interface Read {
  readonly values: Values;
  readonly settings: Omit<NatsSettings, 'url' | 'credentials' | 'tlsFiles'> | undefined;
  readonly credentials: NatsCredentials;
  readonly tlsFiles: NatsTlsFiles;
  readonly faults: readonly string[];
}

const contextName = { name: optionalText('NATS_CONTEXT') } as const;

const credentialKeys = ['user', 'password', 'token', 'nkey', 'creds', 'jwt', 'seed'] as const;

const noTls: NatsTlsFiles = { ca: undefined, cert: undefined, key: undefined };

const readAll = (source: SettingSource): Read => {
  const faults: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      faults.push(...error.faults);
      return undefined;
    }
  };
  const name = attempt(() => readSettings(contextName, source))?.name;
  const context = name === undefined ? { values: {}, faults: [] } : readNatsContext(name, source.env);
  faults.push(...context.faults);
  const own = attempt(() => readSettings(table, source));
  // Credentials of our own stand in place of all that the context has.
  const isKnown = own !== undefined && credentialKeys.some((key) => own[key] !== undefined);
  const fallbacks = isKnown ? withoutCredentials(context.values) : context.values;
  const values =
    own === undefined ? undefined : attempt(() => readSettings(table, { ...source, fallbacks, warn: undefined }));
  if (values === undefined) {
    const none = {} as Values;
    return { values: none, settings: undefined, credentials: { kind: 'none' }, tlsFiles: noTls, faults };
  }
  const fileText = (setting: string, value: string | undefined, isText: (text: string) => boolean) => {
    if (value === undefined || isText(value)) return value;
    try {
      return readFileSync(value, 'utf8').trim();
    } catch (error) {
      faults.push(`${setting}: the file that it names cannot be read (${(error as NodeJS.ErrnoException).code})`);
      return undefined;
    }
  };
  const isPem = (text: string): boolean => text.includes('-----BEGIN');
  const texts: CredentialTexts = {
    user: values.user,
    password: values.password,
    token: values.token,
    nkey: fileText('NATS_NKEY', values.nkey, (text) => /^S[A-Z2-7]{50,}$/.test(text)),
    creds: fileText('NATS_CREDS', values.creds, isPem),
    jwt: fileText('NATS_JWT', values.jwt, (text) => text.startsWith('ey')),
    seed: fileText('NATS_SEED', values.seed, (text) => /^S[A-Z2-7]{50,}$/.test(text)),
  };
  // A file that cannot be read is named already; what it would have held is not missing.
  const read = faults.length > 0 ? ({ kind: 'none' } as const) : readCredentials(texts);
  if (read.kind === 'faulty') faults.push(...read.faults);
  const tlsFiles: NatsTlsFiles = {
    ca: fileText('NATS_CA', values.ca, isPem),
    cert: fileText('NATS_CERT', values.cert, isPem),
    key: fileText('NATS_KEY', values.key, isPem),
  };
  if ((values.cert === undefined) !== (values.key === undefined)) {
    faults.push(values.cert === undefined ? 'NATS_KEY needs NATS_CERT' : 'NATS_CERT needs NATS_KEY');
  }
  if (values.domain !== undefined && values.apiPrefix !== undefined) {
    faults.push('NATS_JS_DOMAIN and NATS_JS_API_PREFIX say the same in two ways: keep one');
  }
  if (values.domain?.includes('.') === true) faults.push('NATS_JS_DOMAIN must be one name, without dots');
  const apiPrefix = values.apiPrefix ?? (values.domain === undefined ? '$JS.API' : `$JS.${values.domain}.API`);
  return {
    values,
    settings: {
      isTlsFirst: values.isTlsFirst,
      tlsServerName: values.tlsServerName,
      apiPrefix,
      eventPrefix: values.eventPrefix ?? '$JS.EVENT',
      inboxPrefix: values.inboxPrefix ?? '_INBOX',
      connectTimeoutMs: values.connectTimeoutMs,
    },
    credentials: read.kind === 'faulty' ? { kind: 'none' } : read,
    tlsFiles,
    faults,
  };
};

const withoutCredentials = (values: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const names = new Set<string>(credentialKeys.map((key) => table[key].name));
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.has(name)));
};
