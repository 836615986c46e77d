import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { natsSettingNames, readNatsSettings } from '../../../shared/config/nats-settings.ts';
import { ConfigError } from '../../../shared/config/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'nats-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const seed = `SU${'A'.repeat(56)}`;
const jwt = 'eyJ0.eyJz.c2ln';
const creds = `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----';

const context = join(folder, 'config', 'nats', 'context');
mkdirSync(context, { recursive: true });
writeFileSync(
  join(context, 'prod.json'),
  JSON.stringify({
    description: 'production',
    url: 'tls://prod:4222',
    token: '',
    user: 'ann',
    password: 'secret',
    tls_first: true,
    jetstream_domain: 'hub',
    jetstream_api_prefix: '',
    inbox_prefix: '_INBOX_ann',
    color_scheme: 'red',
    windows_cert_store: '',
    windows_ca_certs_match: null,
  }),
);
writeFileSync(join(context, 'proxy.json'), JSON.stringify({ url: 'nats://p', socks_proxy: 'socks5://x' }));
writeFileSync(join(context, 'nsc.json'), JSON.stringify({ nsc: 'nsc://o/a/u' }));

const noSecrets = join(folder, 'none');
const read = (env: Record<string, string>, secretsDir = noSecrets) => readNatsSettings({ env, secretsDir });
const faultsOf = (env: Record<string, string>): readonly string[] => {
  try {
    read({ XDG_CONFIG_HOME: join(folder, 'config'), ...env });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
};

describe('the settings of NATS', () => {
  it.each<[string, Record<string, string>, object]>([
    ['no credentials', {}, { kind: 'none' }],
    ['a token', { NATS_TOKEN: 't' }, { kind: 'token', token: 't' }],
    ['a token as a lone user, as in the nats tool', { NATS_USER: 't' }, { kind: 'token', token: 't' }],
    ['user and password', { NATS_USER: 'u', NATS_PASSWORD: 'p' }, { kind: 'user', user: 'u', password: 'p' }],
    ['an NKey seed', { NATS_NKEY: seed }, { kind: 'nkey', seed }],
    ['the file of an NKey seed', { NATS_NKEY: file('nkey', `${seed}\n`) }, { kind: 'nkey', seed }],
    ['the file of credentials', { NATS_CREDS: file('a.creds', creds) }, { kind: 'jwt', jwt, seed }],
    ['credentials as text', { NATS_CREDS: creds }, { kind: 'jwt', jwt, seed }],
    [
      'credentials with line ends of Windows',
      { NATS_CREDS: creds.replaceAll('\n', '\r\n') },
      { kind: 'jwt', jwt, seed },
    ],
    ['a JWT and its seed', { NATS_JWT: jwt, NATS_SEED: seed }, { kind: 'jwt', jwt, seed }],
    ['a bearer JWT', { NATS_JWT: file('jwt', jwt) }, { kind: 'jwt', jwt, seed: undefined }],
  ])('take %s', (_what, env, credentials) => {
    expect(read(env).credentials()).toEqual(credentials);
  });

  it.each<[string, object]>([
    ['url', { NATS_URL: 'nats://a:1,nats://b:2' }],
    ['url', { MSG_URL: 'a:4222' }],
    ['isTlsFirst', { NATS_TLS_FIRST: 'true' }],
    ['tlsServerName', { NATS_TLS_SERVER_NAME: 'n' }],
    ['apiPrefix', { NATS_JS_DOMAIN: 'hub' }],
    ['apiPrefix', { NATS_JS_API_PREFIX: 'acme.api.' }],
    ['eventPrefix', { NATS_JS_EVENT_PREFIX: 'acme.event' }],
    ['inboxPrefix', { NATS_INBOX_PREFIX: '_INBOX_x' }],
    ['connectTimeoutMs', { NATS_TIMEOUT: '1m1.5s' }],
  ])('have %s from %j', (member, env) => {
    const [value] = Object.values(env) as [string];
    const expected: Record<string, unknown> = {
      isTlsFirst: true,
      apiPrefix: value === 'hub' ? '$JS.hub.API' : 'acme.api',
      connectTimeoutMs: 61_500,
    };
    expect(read(env as Record<string, string>)[member as 'url']).toEqual(expected[member] ?? value);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a WebSocket', { MSG_URL: 'ws://n:80' }, 'MSG_URL must not be a WebSocket URL (ws://)'],
    ['a secure WebSocket', { NATS_URL: 'wss://n' }, 'NATS_URL must not be a WebSocket URL (wss://)'],
    ['another scheme', { MSG_URL: 'http://n' }, 'MSG_URL has the scheme http, not nats or tls'],
    ['no URL', { MSG_URL: 'nats://' }, 'MSG_URL is no URL'],
    [
      'two ways to authenticate',
      { NATS_TOKEN: 't', NATS_CREDS: creds },
      'NATS_TOKEN, NATS_CREDS: these are different ways',
    ],
    ['a password alone', { NATS_PASSWORD: 'p' }, 'NATS_PASSWORD needs NATS_USER'],
    ['a seed alone', { NATS_SEED: seed }, 'NATS_SEED needs NATS_JWT'],
    ['an NKey that is none', { NATS_NKEY: `SA${'A'.repeat(56)}` }, 'NATS_NKEY must be the seed of a user'],
    ['a missing file', { NATS_NKEY: '/nowhere/key' }, 'NATS_NKEY: the file that it names cannot be read (ENOENT)'],
    [
      'a creds file without a seed',
      { NATS_CREDS: `-----BEGIN X-----\n${jwt}\n-----END X-----\n` },
      'NATS_CREDS must hold a user JWT and a seed',
    ],
    ['a JWT that is none', { NATS_JWT: 'ey' }, 'NATS_JWT must be a user JWT'],
    ['a missing CA', { NATS_CA: '/nowhere/ca' }, 'NATS_CA: the file that it names cannot be read (ENOENT)'],
    ['a certificate without key', { NATS_CERT: pem }, 'NATS_CERT needs NATS_KEY'],
    ['a key without certificate', { NATS_KEY: pem }, 'NATS_KEY needs NATS_CERT'],
    ['a flag that is none', { NATS_TLS_FIRST: 'perhaps' }, 'NATS_TLS_FIRST must be true or false'],
    [
      'two ways to name JetStream',
      { NATS_JS_DOMAIN: 'a', NATS_JS_API_PREFIX: 'b' },
      'NATS_JS_DOMAIN and NATS_JS_API_PREFIX',
    ],
    ['a domain that is none', { NATS_JS_DOMAIN: 'a.b' }, 'NATS_JS_DOMAIN must be one name'],
    [
      'a prefix with wildcards',
      { NATS_JS_API_PREFIX: 'a.>' },
      'NATS_JS_API_PREFIX must be a subject without wildcards',
    ],
    ['a bad inbox', { NATS_INBOX_PREFIX: 'a b' }, 'NATS_INBOX_PREFIX must be a subject'],
    ['a time without unit', { NATS_TIMEOUT: '5' }, 'NATS_TIMEOUT must be a duration'],
    ['a proxy', { NATS_SOCKS_PROXY: 'socks5://x' }, 'NATS_SOCKS_PROXY is not supported'],
    ['an unknown context', { NATS_CONTEXT: 'nope' }, 'NATS_CONTEXT: '],
    [
      'a context that leaves its folder',
      { NATS_CONTEXT: '../../x' },
      'NATS_CONTEXT must be the name of a context or the absolute path of its file',
    ],
    ['a context with a proxy', { NATS_CONTEXT: 'proxy' }, "NATS_CONTEXT: the context's socks_proxy is not supported"],
    ['a context of nsc', { NATS_CONTEXT: 'nsc' }, "NATS_CONTEXT: the context's nsc asks the nsc tool"],
  ])('refuse %s by name and without its value', (_what, env, fault) => {
    const faults = faultsOf(env);
    expect(faults[0]).toContain(fault);
    expect(faults.join()).not.toContain(seed);
  });

  it('are filled in from a context of the nats tool, and override it', () => {
    const env = { XDG_CONFIG_HOME: join(folder, 'config'), NATS_CONTEXT: 'prod' };
    expect(read(env)).toMatchObject({
      url: 'tls://prod:4222',
      isTlsFirst: true,
      apiPrefix: '$JS.hub.API',
      inboxPrefix: '_INBOX_ann',
    });
    expect(read(env).credentials()).toEqual({ kind: 'user', user: 'ann', password: 'secret' });
    const own = read({ ...env, NATS_TOKEN: 't', NATS_URL: 'nats://own' });
    expect(own.url).toBe('nats://own');
    expect(own.credentials()).toEqual({ kind: 'token', token: 't' });
  });

  it('are filled in from a context at a path, such as a secret file, and read its password anew', () => {
    const path = join(folder, 'nats-connector');
    writeFileSync(path, JSON.stringify({ user: 'connector', password: 'first', inbox_prefix: '_INBOX_connector' }));
    const settings = read({ NATS_CONTEXT: path });
    expect(settings.inboxPrefix).toBe('_INBOX_connector');
    expect(settings.credentials()).toEqual({ kind: 'user', user: 'connector', password: 'first' });
    writeFileSync(path, JSON.stringify({ user: 'connector', password: 'second' }));
    expect(settings.credentials()).toEqual({ kind: 'user', user: 'connector', password: 'second' });
    writeFileSync(path, '{}');
    expect(read({ NATS_CONTEXT: path }).credentials()).toEqual({ kind: 'none' });
  });

  it('name a Pulsar broker in a warning and go on without it', () => {
    const warnings: string[] = [];
    const env = { MSG_URL: 'pulsar://localhost:6650' };
    const { url } = readNatsSettings({ env, secretsDir: noSecrets, warn: (text) => warnings.push(text) });
    expect(url).toBeUndefined();
    expect(warnings).toEqual(['MSG_URL names a Pulsar broker and is not used: each route has its own url']);
  });

  it('come from secret files, trimmed as the environment is, and are read again each time', () => {
    const secrets = join(folder, 'secrets');
    mkdirSync(secrets);
    writeFileSync(join(secrets, 'nats-user'), 'u\n');
    writeFileSync(join(secrets, 'nats-password'), 'old\n');
    const settings = read({ NATS_URL: ' nats://n:4222\n' }, secrets);
    expect(settings.url).toBe('nats://n:4222');
    expect(settings.credentials()).toEqual({ kind: 'user', user: 'u', password: 'old' });
    writeFileSync(join(secrets, 'nats-password'), 'new\n');
    expect(settings.credentials()).toEqual({ kind: 'user', user: 'u', password: 'new' });
  });

  it('are listed completely, for whoever passes them on to another process', () => {
    const tool = [
      'URL',
      'USER',
      'PASSWORD',
      'CREDS',
      'NKEY',
      'TOKEN',
      'CERT',
      'KEY',
      'CA',
      'TIMEOUT',
      'SOCKS_PROXY',
      'CONTEXT',
    ];
    expect(natsSettingNames).toEqual(expect.arrayContaining(tool.map((name) => `NATS_${name}`)));
  });
});
