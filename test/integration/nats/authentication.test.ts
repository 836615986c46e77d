import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readNatsSettings } from '../../../shared/config/nats-settings.ts';
import { connectNats, type NatsStatus } from '../../../shared/nats/connect.ts';
import { createSelfSignedCertificate } from '../../support/self-signed-certificate.ts';
import { natsVariants, startTestNats, type TestNatsServer } from '../../support/test-nats.ts';
import { userJwt } from '../../support/user-jwt.ts';
import { until } from '../../support/until.ts';

interface KeyPair {
  getPublicKey(): string;
  getSeed(): Uint8Array;
}
const nkeys = createRequire(createRequire(import.meta.url).resolve('nats'))('nkeys.js') as {
  createUser(): KeyPair;
  createAccount(): KeyPair & { sign(bytes: Uint8Array): Uint8Array };
  createOperator(): KeyPair & { sign(bytes: Uint8Array): Uint8Array };
};

const host = createSelfSignedCertificate('localhost');
const other = createSelfSignedCertificate('nats.example');
const client = createSelfSignedCertificate('client');
const user = nkeys.createUser();
const seed = new TextDecoder().decode(user.getSeed());

describe.each(await natsVariants())('$name', ({ name, binary }) => {
  describe.skipIf(binary === undefined)('lets a client in', () => {
    let folder: string;
    const servers: TestNatsServer[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nats-auth-'));
    });
    afterAll(async () => {
      for (const server of servers) await server.close();
      await rm(folder, { recursive: true });
    });

    const file = async (name: string, text: string): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, text);
      return path;
    };
    const start = async (config: string): Promise<TestNatsServer> => {
      const server = await startTestNats({ binary: binary!, config });
      servers.push(server);
      return server;
    };
    const connect = async (url: string, env: Record<string, string>) => {
      const settings = readNatsSettings({ env, secretsDir: join(folder, 'secrets') });
      const connection = await connectNats({ url, name: 'test', settings });
      await connection.flush();
      await connection.close();
    };
    const tlsConfig = async (certificate: { cert: string; key: string }, more = ''): Promise<string> => {
      const cert = await file(`server-${servers.length}.pem`, certificate.cert);
      const key = await file(`server-${servers.length}.key`, certificate.key);
      return `tls { cert_file: "${cert}", key_file: "${key}" ${more} }`;
    };
    const local = (server: TestNatsServer, scheme = 'nats', user_ = ''): string =>
      `${scheme}://${user_}localhost:${server.port}`;

    it.each<[string, string, Record<string, string>, string]>([
      ['with a token of the environment', 'authorization { token: "t#1" }', { NATS_TOKEN: 't#1' }, ''],
      ['with a token in the URL', 'authorization { token: "t#1" }', {}, 't%231@'],
      ['with user and password', 'authorization { user: u, password: p }', { NATS_USER: 'u', NATS_PASSWORD: 'p' }, ''],
      ['with user and password in the URL', 'authorization { user: u, password: "p@/" }', {}, 'u:p%40%2F@'],
      ['with an NKey', `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`, { NATS_NKEY: seed }, ''],
    ])('%s', async (_what, config, env, inUrl) => {
      const server = await start(config);
      await connect(local(server, 'nats', inUrl), env);
      const other_ = connect(local(server), { NATS_TOKEN: 'wrong' });
      await expect(other_).rejects.toThrow(/NATS at localhost:\d+ refused the token \(authorization violation\)/);
      await expect(connect(local(server), {})).rejects.toThrow(
        /refused a connection without credentials: set NATS_TOKEN/,
      );
    });

    it('with a creds file, its text, or JWT and seed', async () => {
      const operator = nkeys.createOperator();
      const account = nkeys.createAccount();
      const system = nkeys.createAccount();
      const jwts = userJwt({ operator, account, user: user.getPublicKey() });
      const systemJwts = userJwt({ operator, account: system, user: user.getPublicKey(), isSystem: true });
      const server = await start(
        [
          `operator: ${jwts.operator}`,
          `system_account: ${system.getPublicKey()}`,
          'resolver: MEMORY',
          `resolver_preload { ${account.getPublicKey()}: ${jwts.account}, ${system.getPublicKey()}: ${systemJwts.account} }`,
        ].join('\n'),
      );
      const creds = `-----BEGIN NATS USER JWT-----\n${jwts.user}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
      await connect(local(server), { NATS_CREDS: creds });
      await connect(local(server), { NATS_CREDS: await file('user.creds', creds) });
      await connect(local(server), { NATS_JWT: jwts.user, NATS_SEED: seed });
      await expect(connect(local(server), { NATS_NKEY: seed })).rejects.toThrow(/refused the NKey/);
    });

    it('over TLS of a private authority, and says what is wrong without it', async () => {
      const server = await start(await tlsConfig(host));
      const ca = await file('ca.pem', host.cert);
      for (const scheme of ['tls', 'nats']) {
        await connect(local(server, scheme), { NATS_CA: ca });
        await connect(local(server, scheme), { NATS_CA: host.cert });
        await expect(connect(local(server, scheme), {})).rejects.toThrow(
          /self-signed: name it, or its authority, in NATS_CA/,
        );
      }
      const plain = await start('');
      await expect(connect(local(plain, 'tls'), {})).rejects.toThrow(/the server has no TLS, and it was asked for/);
    });

    it('over TLS with another name than the host’s', async () => {
      const server = await start(await tlsConfig(other));
      await expect(connect(local(server), { NATS_CA: other.cert })).rejects.toThrow(/set NATS_TLS_SERVER_NAME/);
      await connect(local(server), { NATS_CA: other.cert, NATS_TLS_SERVER_NAME: 'nats.example' });
    });

    it.skipIf(name.includes(' 2.9.'))('with a TLS handshake before the greeting (2.10 and later)', async () => {
      const server = await start(await tlsConfig(host, ', handshake_first: auto'));
      await connect(local(server), { NATS_CA: host.cert, NATS_TLS_FIRST: 'true' });
      await connect(local(server), { NATS_CA: host.cert });
      const plain = await start(await tlsConfig(host));
      await expect(connect(local(plain), { NATS_CA: host.cert, NATS_TLS_FIRST: 'true' })).rejects.toThrow(
        /unset NATS_TLS_FIRST/,
      );
    });

    it('with a client certificate', async () => {
      const ca = await file('client-ca.pem', client.cert);
      const server = await start(await tlsConfig(host, `, ca_file: "${ca}", verify: true`));
      const env = { NATS_CA: host.cert, NATS_CERT: client.cert, NATS_KEY: await file('client.key', client.key) };
      await connect(local(server, 'tls'), env);
      await expect(connect(local(server, 'tls'), { NATS_CA: host.cert })).rejects.toThrow(
        /NATS_CERT|closed|certificate/,
      );
    });

    it('with the credentials of the moment: a rotated secret is read at the next connection', async () => {
      const server = await start('authorization { token: old }');
      const secret = await file('nats-token', 'old\n');
      const settings = readNatsSettings({ env: {}, secretsDir: folder });
      const statuses: NatsStatus[] = [];
      const connection = await connectNats({
        url: local(server),
        name: 'test',
        settings,
        onStatus: (status) => statuses.push(status),
      });
      const config = join(server.storeDir, 'nats-server.conf');
      await writeFile(config, (await readFile(config, 'utf8')).replace('token: old', 'token: new'));
      await writeFile(secret, 'new\n');
      await server.restart();
      await until('the connection is back', () => statuses.includes('connected'));
      await connection.close();
      await rm(secret);
    });
  });

  it.skipIf(binary === undefined)(
    'is told why it cannot be reached within 5 s while a connector waits for it',
    async () => {
      const details: string[] = [];
      const ending = new AbortController();
      const waiting = connectNats({
        url: 'nats://localhost:1',
        name: 'test',
        waitOnFirstConnect: true,
        signal: ending.signal,
        onStatus: (status, detail) => details.push(`${status}: ${detail}`),
      });
      const ended = expect(waiting).rejects.toThrow();
      await until('a status', () => details.length > 0, { timeoutMs: 5_000 });
      expect(details[0]).toBe(
        'unreachable: NATS at localhost:1 cannot be reached: nothing listens there (connection refused)',
      );
      ending.abort();
      await ended;
    },
  );
});
