import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findServerUser } from '../../../infra/local/system-user.ts';
import { RetryableError } from '../../../shared/errors/sync-error.ts';
import { toDatabaseError } from '../../../shared/postgres/database-error.ts';
import { createPool, type PoolOptions } from '../../../shared/postgres/pool.ts';
import { createSelfSignedCertificate } from '../../support/self-signed-certificate.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

const password = "p,@:s's w%rd";
let database: TestDatabase;
let port: number;
let folder: string;
/** A port that nothing listens on. */
let closedPort: number;
let hasIpv6 = true;

const canListen = (host: string): Promise<{ readonly port: number } | undefined> =>
  new Promise((resolve) => {
    const server = createServer()
      .once('error', () => resolve(undefined))
      .listen(0, host, () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address : undefined));
      });
  });

beforeAll(async () => {
  folder = await mkdtemp('/var/tmp/state-sync-libpq-');
  await chmod(folder, 0o777);
  hasIpv6 = (await canListen('::1')) !== undefined;
  closedPort = (await canListen('127.0.0.1'))!.port;
  const server = createSelfSignedCertificate('localhost');
  const client = createSelfSignedCertificate('cert_user');
  const user = await findServerUser(() => undefined);
  const write = async (name: string, text: string, mode: number): Promise<void> => {
    await writeFile(path.join(folder, name), text, { mode });
    if (user !== undefined) await chown(path.join(folder, name), user.uid, user.gid);
  };
  await write('server.crt', server.cert, 0o644);
  await write('server.key', server.key, 0o600);
  await write('client.crt', client.cert, 0o644);
  await write('client.key', client.key, 0o600);
  const hba = [
    'local all all scram-sha-256',
    'hostssl all cert_user all cert',
    'hostssl all ssl_user all scram-sha-256',
    'hostnossl all plain_user all scram-sha-256',
    'host all clear_user all password',
    'host all md5_user all md5',
    'host all trust_user all trust',
    'host all tester all scram-sha-256',
    'host all scram_user all scram-sha-256',
  ];
  await write('hba.conf', `${hba.join('\n')}\n`, 0o644);
  const settings = [
    `hba_file=${folder}/hba.conf`,
    'ssl=on',
    `ssl_cert_file=${folder}/server.crt`,
    `ssl_key_file=${folder}/server.key`,
    `ssl_ca_file=${folder}/client.crt`,
    `unix_socket_directories=${folder}`,
    `listen_addresses=127.0.0.1${hasIpv6 ? ',::1' : ''}`,
  ];
  database = await startTestDatabase({ migrated: false, args: settings.flatMap((setting) => ['-c', setting]) });
  port = database.server.port;
  const literal = `'${password.replaceAll("'", "''")}'`;
  for (const role of ['ssl_user', 'plain_user', 'clear_user', 'scram_user']) {
    await database.pool.query(`create role ${role} login password ${literal}`);
  }
  await database.pool.query('create role cert_user login');
  await database.pool.query('create role trust_user login');
  await database.pool.transaction(async (connection) => {
    await connection.query(`set local password_encryption = 'md5'`);
    await connection.query(`create role md5_user login password ${literal}`);
  });
  await mkdir(path.join(folder, 'home'));
  await writeFile(path.join(folder, 'pgpass'), `*:*:test:scram_user:${password.replaceAll(/([\\:])/g, '\\$1')}\n`, {
    mode: 0o600,
  });
  await writeFile(
    path.join(folder, 'services'),
    `[ism]\nhost=127.0.0.1\nport=${port}\ndbname=test\nuser=scram_user\npassword=${password}\n`,
  );
});
afterAll(async () => {
  await database.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Session {
  readonly user: string;
  readonly ssl: boolean;
  readonly name: string;
  readonly address: string | null;
  readonly timeout: string;
  readonly encoding: string;
}

/** What one session is, or why there is none. */
const connectTo = async (text: string, options: PoolOptions = {}): Promise<Session | RetryableError | Error> => {
  const filled = text
    .replaceAll('PORT', String(port))
    .replaceAll('CLOSED', String(closedPort))
    .replaceAll('FOLDER', folder)
    .replaceAll('%FOLDER%', encodeURIComponent(folder))
    .replaceAll('SECRET', text.includes('://') ? encodeURIComponent(password) : `'${password.replaceAll("'", "\\'")}'`);
  const pool = createPool(filled, { max: 1, connectTimeoutMs: 2_000, ...options });
  try {
    const [row] = await pool.query<Session>(
      `select current_user as user, coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as ssl,
              current_setting('application_name') as name, host(inet_server_addr()) as address,
              current_setting('statement_timeout') as timeout, current_setting('client_encoding') as encoding`,
    );
    return row!;
  } catch (error) {
    return toDatabaseError(error, 'connect');
  } finally {
    await pool.end();
  }
};

const scram = { user: 'scram_user', ssl: true };

describe('a connection string that libpq takes', () => {
  it.each<[text: string, session: Partial<Session>, env: Record<string, string>]>(
    (
      [
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test', scram],
        ['host=127.0.0.1 port=PORT dbname=test user=scram_user password=SECRET', scram],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?application_name=mine', { ...scram, name: 'mine' }],
        [
          'postgresql://scram_user:SECRET@127.0.0.1:PORT/test?fallback_application_name=mine',
          { ...scram, name: 'mine' },
        ],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?client_encoding=UTF8', { ...scram, encoding: 'UTF8' }],
        [
          'postgresql://scram_user:SECRET@127.0.0.1:PORT/test?options=-c%20statement_timeout%3D7s',
          { ...scram, timeout: '7s' },
        ],
        [
          'postgresql://scram_user:SECRET@nowhere.invalid:PORT/test?hostaddr=127.0.0.1',
          { ...scram, address: '127.0.0.1' },
        ],
        [
          'postgresql://scram_user:SECRET@/test?host=FOLDER&port=PORT',
          { user: 'scram_user', ssl: false, address: null },
        ],
        [
          'host=FOLDER port=PORT dbname=test user=scram_user password=SECRET sslmode=require',
          { ssl: false, address: null },
        ],
        ['postgresql://scram_user@127.0.0.1:PORT/test?passfile=FOLDER/pgpass', scram],
        ['postgresql://scram_user@127.0.0.1:PORT/test', scram, { PGPASSWORD: password }],
        ['postgresql://?service=ism&servicefile=FOLDER/services', scram],
        ['service=ism', scram, { PGSERVICEFILE: 'FOLDER/services' }],
        // Encryption.
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?sslmode=disable', { ssl: false }],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?sslmode=allow', { ssl: false }],
        ['postgresql://ssl_user:SECRET@127.0.0.1:PORT/test?sslmode=allow', { ssl: true }],
        ['postgresql://plain_user:SECRET@127.0.0.1:PORT/test?sslmode=prefer', { ssl: false }],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?ssl=true', { ssl: true }],
        [
          'host=127.0.0.1 port=PORT dbname=test user=scram_user password=SECRET ssl_min_protocol_version=TLSv1 ssl_max_protocol_version=TLSv1.1',
          { ssl: false },
        ],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?sslmode=require&sslnegotiation=direct', { ssl: true }],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?sslmode=require&sslsni=0&sslcompression=0', { ssl: true }],
        [
          'postgresql://scram_user:SECRET@127.0.0.1:PORT/test?sslmode=require&ssl_min_protocol_version=TLSv1.3',
          { ssl: true },
        ],
        [
          'postgresql://scram_user:SECRET@localhost:PORT/test?sslmode=verify-full&sslrootcert=FOLDER/server.crt&hostaddr=127.0.0.1',
          { ssl: true },
        ],
        // Authentication.
        [
          'postgresql://cert_user@127.0.0.1:PORT/test?sslmode=require&sslcert=FOLDER/client.crt&sslkey=FOLDER/client.key',
          { user: 'cert_user', ssl: true },
        ],
        ['postgresql://clear_user:SECRET@127.0.0.1:PORT/test', { user: 'clear_user' }],
        ['postgresql://md5_user:SECRET@127.0.0.1:PORT/test', { user: 'md5_user' }],
        ['postgresql://trust_user@127.0.0.1:PORT/test', { user: 'trust_user' }],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?sslmode=require&channel_binding=require', scram],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?sslmode=require&channel_binding=disable', scram],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?sslmode=disable&channel_binding=prefer', { ssl: false }],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?require_auth=scram-sha-256,md5', scram],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?require_auth=!password,!none', scram],
        ['postgresql://trust_user@127.0.0.1:PORT/test?require_auth=none', { user: 'trust_user' }],
        // Several hosts.
        ['postgresql://scram_user:SECRET@127.0.0.1:CLOSED,127.0.0.1:PORT/test', scram],
        ['postgresql://scram_user:SECRET@nowhere.invalid,127.0.0.1:PORT/test?target_session_attrs=primary', scram],
        [
          'host=127.0.0.1,127.0.0.1 port=CLOSED,PORT dbname=test user=scram_user password=SECRET load_balance_hosts=random',
          scram,
        ],
        ['postgresql://scram_user:SECRET@127.0.0.1:PORT/test?target_session_attrs=prefer-standby', scram],
        // Taken, and named in a note.
        [
          'postgresql://scram_user:SECRET@127.0.0.1:PORT/test?keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=5',
          scram,
        ],
      ] as readonly (readonly [string, Partial<Session>, Record<string, string>?])[]
    ).map(([text, session, env]) => [text, session, env ?? {}]),
  )('%s connects', async (text, session, env) => {
    const filled = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, value.replace('FOLDER', folder)]),
    );
    expect(await connectTo(text, { env: filled })).toMatchObject(session);
  });

  it('with an IPv6 address in brackets connects, if the machine has IPv6', async (context) => {
    if (!hasIpv6) context.skip('this machine has no IPv6');
    expect(await connectTo('postgresql://scram_user:SECRET@[::1]:PORT/test')).toMatchObject({ address: '::1' });
  });
});

describe('a connection that is not to be', () => {
  it.each<[text: string, code: string, reason: RegExp]>([
    [
      'postgresql://scram_user:wrong@127.0.0.1:PORT/test',
      'database_misconfigured',
      /127\.0\.0\.1:\d+: password authentication failed for user "scram_user" \(28P01\)/,
    ],
    [
      'postgresql://scram_user@127.0.0.1:PORT/test',
      'database_misconfigured',
      /the server asks for one, and none is given/,
    ],
    [
      'postgresql://scram_user:SECRET@127.0.0.1:PORT/gone',
      'database_misconfigured',
      /database "gone" does not exist \(3D000\)/,
    ],
    [
      'postgresql://ssl_user:SECRET@127.0.0.1:PORT/test?sslmode=disable',
      'database_misconfigured',
      /no pg_hba.conf entry.*\(28000\)/,
    ],
    ['postgresql://cert_user@127.0.0.1:PORT/test?sslmode=require', 'database_misconfigured', /client certificate/],
    [
      'postgresql://cert_user@127.0.0.1:PORT/test?sslmode=require&sslcert=FOLDER/gone.crt&sslkey=FOLDER/client.key',
      'database_misconfigured',
      /sslcert=.*gone\.crt, which cannot be read \(ENOENT\)/,
    ],
    [
      'postgresql://cert_user@127.0.0.1:PORT/test?sslmode=require&sslcert=FOLDER/client.crt&sslkey=FOLDER/server.key',
      'database_misconfigured',
      /key/i,
    ],
    [
      'postgresql://scram_user:SECRET@127.0.0.1:PORT/test?sslmode=verify-full&sslrootcert=system',
      'database_misconfigured',
      /self-signed certificate/,
    ],
    [
      'postgresql://scram_user:SECRET@127.0.0.1:PORT/test?require_auth=md5',
      'database_misconfigured',
      /require_auth=md5, but the server asks for scram-sha-256/,
    ],
    [
      'postgresql://trust_user@127.0.0.1:PORT/test?require_auth=!none',
      'database_misconfigured',
      /require_auth=!none, but the server asks for none/,
    ],
    [
      'postgresql://clear_user:SECRET@127.0.0.1:PORT/test?sslmode=require&channel_binding=require',
      'database_misconfigured',
      /channel_binding=require, but the server asks for password/,
    ],
    [
      'postgresql://trust_user@127.0.0.1:PORT/test?sslmode=require&channel_binding=require',
      'database_misconfigured',
      /channel_binding=require, but the server did not ask for it/,
    ],
    [
      'postgresql://scram_user:SECRET@127.0.0.1:CLOSED/test',
      'database_unavailable',
      /as scram_user to database test at 127\.0\.0\.1:\d+: connect ECONNREFUSED/,
    ],
    [
      'postgresql://scram_user:SECRET@localhost:CLOSED/test',
      'database_unavailable',
      /localhost:\d+: connect ECONNREFUSED/,
    ],
    [
      'postgresql://scram_user:SECRET@nowhere.invalid/test',
      'database_unavailable',
      /nowhere\.invalid:5432: getaddrinfo (ENOTFOUND|EAI_AGAIN)/,
    ],
    [
      'postgresql://scram_user:SECRET@/test?host=/does/not/exist',
      'database_unavailable',
      /\/does\/not\/exist\/\.s\.PGSQL\.5432: connect ENOENT/,
    ],
    [
      'postgresql://scram_user:SECRET@127.0.0.1:CLOSED,127.0.0.1:PORT/test?target_session_attrs=standby',
      'database_unavailable',
      /ECONNREFUSED.*; 127\.0\.0\.1:\d+: target_session_attrs=standby, but the server is not a standby/,
    ],
    [
      'postgresql://scram_user:SECRET@127.0.0.1:PORT/test?target_session_attrs=read-only',
      'database_unavailable',
      /the session is not read-only/,
    ],
    [
      'postgresql://scram_user:SECRET@127.0.0.1:PORT/test?target_session_attrs=read-write&options=-c%20default_transaction_read_only%3Don',
      'database_unavailable',
      /the session is read-only/,
    ],
  ])('%s says %s with host, port and cause', async (text, code, reason) => {
    const error = await connectTo(text);
    expect(error).toBeInstanceOf(RetryableError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(reason) as string });
    for (const secret of [password, encodeURIComponent(password), 'wrong@']) {
      expect((error as Error).message).not.toContain(secret);
    }
  });
});

describe('a password that was changed while the process runs', () => {
  it('is read again when the server refuses the old one, and only then', async () => {
    const url = (secret: string) => `postgresql://rotated:${secret}@127.0.0.1:${port}/test`;
    await database.pool.query(`create role rotated login password 'old'`);
    await database.pool.query(`grant pg_signal_backend to tester`);
    await writeFile(path.join(folder, 'hba.conf'), `host all all all scram-sha-256\n`);
    await database.pool.query('select pg_reload_conf()');
    let mounted = url('old');
    let reads = 0;
    const reread = (): string => {
      reads += 1;
      return mounted;
    };
    const pool = createPool(mounted, { max: 1, idleTimeoutMs: 1, reread });
    const work = (): Promise<unknown> => pool.query('select current_user as user');
    await expect.poll(work).toEqual([{ user: 'rotated' }]);
    expect(reads).toBe(0);
    await database.pool.query(`alter role rotated password 'new'`);
    await expect.poll(() => pool.stats().total).toBe(0);
    await expect(work()).rejects.toThrow(/password authentication failed/);
    mounted = 'half written';
    await expect(work()).rejects.toThrow(/DATABASE_URL must begin with postgresql/);
    mounted = url('new');
    expect(await work()).toEqual([{ user: 'rotated' }]);
    expect(reads).toBe(3);
    await pool.end();
  });
});
