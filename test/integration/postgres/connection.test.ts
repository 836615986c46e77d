import { once } from 'node:events';
import { chmod, chown, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findServerUser } from '../../../infra/local/system-user.ts';
import { toDatabaseError } from '../../../shared/postgres/database-error.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { longestTurnMs, mostTurnMs } from '../../support/longest-turn.ts';
import { createSelfSignedCertificate } from '../../support/self-signed-certificate.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let plain: TestDatabase;
let encrypted: TestDatabase;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp('/var/tmp/state-sync-tls-');
  await chmod(folder, 0o755);
  const { cert, key } = createSelfSignedCertificate('localhost');
  const user = await findServerUser(() => undefined);
  for (const [name, text] of [
    ['server.crt', cert],
    ['server.key', key],
  ] as const) {
    await writeFile(path.join(folder, name), text, { mode: 0o600 });
    if (user !== undefined) await chown(path.join(folder, name), user.uid, user.gid);
  }
  const ssl = [`ssl_cert_file=${folder}/server.crt`, `ssl_key_file=${folder}/server.key`, 'ssl=on'];
  [plain, encrypted] = await Promise.all([
    startTestDatabase({ migrated: false }),
    startTestDatabase({ migrated: false, args: ssl.flatMap((setting) => ['-c', setting]) }),
  ]);
});
afterAll(async () => {
  await Promise.all([plain.stop(), encrypted.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const withQuery = (url: string, query: string, host = '127.0.0.1'): string =>
  `${url.replace('127.0.0.1', host)}?${query}`;

/** One statement on a pool of its own. */
const ask = async (url: string): Promise<unknown> => {
  const pool = createPool(url, { max: 1, connectTimeoutMs: 3_000 });
  try {
    const rows = await pool.query<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
    return rows[0]?.ssl;
  } catch (error) {
    return toDatabaseError(error, 'connect');
  } finally {
    await pool.end();
  }
};

describe('sslmode', () => {
  it.each([
    ['disable', false],
    ['prefer', true],
    ['require', true],
  ])('%s on a server with TLS gives an encrypted session: %s', async (mode, ssl) => {
    expect(await ask(withQuery(encrypted.url, `sslmode=${mode}`))).toBe(ssl);
  });

  it('absent means prefer: encrypted if the server can, plain if it cannot', async () => {
    expect(await ask(encrypted.url)).toBe(true);
    expect(await ask(plain.url)).toBe(false);
  });

  it.each(['require', 'verify-ca', 'verify-full'])('%s refuses a server without TLS', async (mode) => {
    expect(await ask(withQuery(plain.url, `sslmode=${mode}`))).toMatchObject({
      code: 'database_misconfigured',
      message: expect.stringContaining('does not support SSL') as string,
    });
  });

  it('verify-full refuses a certificate that no known authority signed', async () => {
    expect(await ask(withQuery(encrypted.url, 'sslmode=verify-full', 'localhost'))).toMatchObject({
      code: 'database_misconfigured',
    });
  });

  it('verify-full accepts it with sslrootcert, under its own name only; verify-ca under any', async () => {
    const certificate = path.join(folder, 'server.crt');
    await chmod(certificate, 0o644);
    const query = (mode: string) => `sslmode=${mode}&sslrootcert=${encodeURIComponent(certificate)}`;
    expect(await ask(withQuery(encrypted.url, query('verify-full'), 'localhost'))).toBe(true);
    expect(await ask(withQuery(encrypted.url, query('verify-full')))).toMatchObject({ code: 'database_misconfigured' });
    expect(await ask(withQuery(encrypted.url, query('verify-ca')))).toBe(true);
    // libpq: with a root certificate, `require` verifies the chain.
    expect(await ask(withQuery(encrypted.url, query('require')))).toBe(true);
  });

  it('carries ten megabytes both ways over TLS', async () => {
    const pool = createPool(withQuery(encrypted.url, 'sslmode=require'));
    const text = 'äx'.repeat(3_500_000);
    const [row] = await pool.query<{ text: string }>('select $1::text as text', [text]);
    await pool.end();
    expect(row?.text === text).toBe(true);
  });
});

describe('64 MB in one value', () => {
  it.each([
    ['plain', () => plain.url, 'disable'],
    ['over TLS', () => encrypted.url, 'require'],
  ])('take no long turn of the event loop: %s', { timeout: 60_000 }, async (_name, url, mode) => {
    const pool = createPool(withQuery(url(), `sslmode=${mode}`));
    const bytes = Buffer.alloc(64 * 1024 * 1024, 'abc');
    let leastMs = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 4 && leastMs > mostTurnMs(); attempt += 1) {
      const ms = await longestTurnMs(async () => {
        const [row] = await pool.query<{ n: number }>('select octet_length($1::bytea) as n', [bytes]);
        expect(row?.n).toBe(bytes.length);
      });
      leastMs = Math.min(leastMs, ms);
    }
    await pool.end();
    expect(leastMs).toBeLessThan(mostTurnMs());
  });
});

describe('authentication', () => {
  it('uses SCRAM: the server of these tests accepts nothing else', async () => {
    const [row] = await plain.pool.query<{ password: string }>(
      `select rolpassword as password from pg_authid where rolname = 'tester'`,
    );
    expect(row?.password).toMatch(/^SCRAM-SHA-256\$4096:/);
  });

  it.each(['passwörd ¼ ﬁ', ' ', 'quote\'"\\'])('accepts the password %j', async (password) => {
    const [row] = await plain.pool.query<{ text: string }>(`select quote_literal($1) as text`, [password]);
    await plain.pool.query('drop role if exists scram');
    await plain.pool.query(`create role scram login password ${row?.text ?? ''}`);
    const url = plain.url.replace(/\/\/[^@]+@/, `//scram:${encodeURIComponent(password)}@`);
    expect(await ask(url)).toBe(false);
  });

  it('says that the configuration is wrong where the password is', async () => {
    const url = plain.url.replace(/\/\/[^@]+@/, '//tester:wrong@');
    expect(await ask(url)).toMatchObject({ code: 'database_misconfigured' });
  });

  it.each(['a wrong', 'no'])('refuses a server that gives %s proof that it knows the password', async (proof) => {
    // Speaks just enough of the protocol to ask for SCRAM and to answer with a wrong signature.
    const message = (type: string, ...parts: readonly Buffer[]): Buffer => {
      const body = Buffer.concat(parts);
      const length = Buffer.alloc(4);
      length.writeInt32BE(body.length + 4);
      return Buffer.concat([Buffer.from(type), length, body]);
    };
    const authentication = (kind: number, text: string): Buffer => {
      const code = Buffer.alloc(4);
      code.writeInt32BE(kind);
      return message('R', code, Buffer.from(text));
    };
    const impostor = createServer((socket) => {
      let step = 0;
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        step += 1;
        if (step === 1) socket.write(authentication(10, 'SCRAM-SHA-256\0\0'));
        if (step === 2) {
          const nonce = /r=([^,]+)/.exec(data.toString('latin1'))?.[1] ?? '';
          const salt = Buffer.from('salt').toString('base64');
          socket.write(authentication(11, `r=${nonce}extra,s=${salt},i=4096`));
        }
        if (step === 3) {
          const signature = Buffer.alloc(32).toString('base64');
          socket.write(
            Buffer.concat([
              ...(proof === 'no' ? [] : [authentication(12, `v=${signature}`)]),
              authentication(0, ''),
              message('Z', Buffer.from('I')),
            ]),
          );
        }
      });
    }).listen(0, '127.0.0.1');
    await once(impostor, 'listening');
    const { port } = impostor.address() as AddressInfo;
    const answer = await ask(`postgresql://u:p@127.0.0.1:${port}/d?sslmode=disable`);
    impostor.close();
    expect(answer).toMatchObject({ code: 'database_misconfigured' });
  });
});

describe('a pool', () => {
  it('survives idle connections that the server cuts, and goes on', async () => {
    const errors: Error[] = [];
    const pool = createPool(plain.url, { max: 2, onError: (error) => errors.push(error) });
    await Promise.all([pool.query('select pg_sleep(0.05)'), pool.query('select pg_sleep(0.05)')]);
    expect(pool.stats().idle).toBe(2);
    await plain.pool.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = current_user',
    );
    await expect.poll(() => pool.stats().total).toBe(0);
    expect(errors.length).toBeGreaterThanOrEqual(2);
    expect(await pool.query('select 1 as one')).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('does not end the process when a connection breaks inside a transaction', async () => {
    const pool = createPool(plain.url, { max: 1 });
    const broken = pool.transaction(async (connection) => {
      const [row] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
      await plain.pool.query('select pg_terminate_backend($1)', [row?.pid]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await connection.query('select 1');
    });
    const error = await broken.catch((reason: unknown) => toDatabaseError(reason, 'work'));
    expect(error).toMatchObject({ code: 'database_unavailable' });
    expect(await pool.query('select 1 as one')).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('keeps the connection after an error of one statement', async () => {
    const pool = createPool(plain.url, { max: 1 });
    const pid = () => pool.query('select pg_backend_pid() as pid');
    const before = await pid();
    await expect(pool.query('select 1/0')).rejects.toThrow('division by zero');
    await expect(pool.transaction((connection) => connection.query('select 1/0'))).rejects.toThrow('division by zero');
    expect(await pid()).toEqual(before);
    await pool.end();
  });

  it('gives up on a statement after queryTimeoutMs and does not use its connection again', async () => {
    const pool = createPool(plain.url, { max: 1, queryTimeoutMs: 200 });
    const error = await pool.query('select pg_sleep(3)').catch((reason: unknown) => toDatabaseError(reason, 'wait'));
    expect(error).toMatchObject({ code: 'database_timeout' });
    expect(await pool.query('select 1 as one')).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it.each(['disable', 'require'])(
    'ends it at the server too, where nobody waits for its answer (sslmode=%s)',
    async (mode) => {
      const pool = createPool(withQuery(encrypted.url, `sslmode=${mode}`), { max: 1, queryTimeoutMs: 200 });
      await expect(pool.query(`select pg_sleep(30) as "nobody waits"`)).rejects.toThrow('Query read timeout');
      const running = () =>
        encrypted.pool.query(
          `select from pg_stat_activity where query like '%nobody waits%' and state = 'active' and pid <> pg_backend_pid()`,
        );
      await expect.poll(running, { timeout: 2_000 }).toEqual([]);
      await pool.end();
    },
  );

  it('serves eight requests with two connections, however long they wait for each other', async () => {
    const pool = createPool(plain.url, { max: 2, connectTimeoutMs: 300, queryTimeoutMs: 5_000 });
    const done = await Promise.all(Array.from({ length: 8 }, () => pool.query('select 1 as one from pg_sleep(0.4)')));
    expect(done).toEqual(Array.from({ length: 8 }, () => [{ one: 1 }]));
    await pool.end();
  });

  it('reports a statement that the server itself gave up as a time-out', async () => {
    const pool = createPool(plain.url, { max: 1 });
    const error = await pool
      .query(`select set_config('statement_timeout', '50', false), pg_sleep(0)`)
      .then(() => pool.query('select pg_sleep(3)'))
      .catch((reason: unknown) => toDatabaseError(reason, 'wait'));
    expect(error).toMatchObject({ code: 'database_timeout' });
    await pool.end();
  });

  it('reports a wait for a connection that others hold as overload, which is no outage', async () => {
    const pool = createPool(plain.url, { max: 1, connectTimeoutMs: 200, waitTimeoutMs: 200 });
    const holder = pool.query('select pg_sleep(0.6)');
    const error = await pool.query('select 1').catch((reason: unknown) => toDatabaseError(reason, 'wait'));
    expect(error).toMatchObject({
      code: 'overloaded',
      message: 'all 1 database connections of this process were busy for 200 ms (MAX_DB_CONNECTIONS)',
    });
    await holder;
    await pool.end();
  });

  it('lets go of a server that accepts and says nothing, which is not available', { timeout: 8_000 }, async () => {
    let isSilent = true;
    const sockets: Socket[] = [];
    const { port: realPort } = new URL(plain.url);
    // Half-open as a frozen host is: that the client is done closes nothing on this side.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      if (isSilent) return;
      const upstream = connect(Number(realPort), '127.0.0.1');
      socket.pipe(upstream).pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const url = withQuery(plain.url.replace(`:${realPort}`, `:${port}`), 'sslmode=disable');
    const pool = createPool(url, { max: 1, connectTimeoutMs: 300 });
    const startedMs = performance.now();
    const error = await pool.query('select 1').catch((reason: unknown) => toDatabaseError(reason, 'connect'));
    expect(error).toMatchObject({ code: 'database_unavailable' });
    isSilent = false;
    expect(await pool.query('select 1 as one')).toEqual([{ one: 1 }]);
    await pool.end();
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('reports a closed port, an unknown host and an unknown database as what they are', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    expect(await ask(`postgresql://u:p@127.0.0.1:${port}/d`)).toMatchObject({ code: 'database_unavailable' });
    expect(await ask('postgresql://u:p@nowhere.invalid/d')).toMatchObject({ code: 'database_unavailable' });
    expect(await ask(plain.url.replace(/\/test$/, '/nothing'))).toMatchObject({ code: 'database_misconfigured' });
  });

  it('reports a WebSocket that does not come about with the cause that the WebSocket itself keeps', async () => {
    const error = await ask('postgresql://u:p@nowhere.invalid.neon.tech/d?sslmode=require');
    expect(error).toMatchObject({
      code: 'database_unavailable',
      message: expect.stringMatching(/nowhere\.invalid\.neon\.tech:5432: getaddrinfo (ENOTFOUND|EAI_AGAIN)/) as string,
    });
  });

  it('throws if a transaction went on after a failed statement: its commit was a rollback', async () => {
    await plain.pool.query('create table if not exists swallowed (n int)');
    const done = plain.pool.transaction(async (connection) => {
      await connection.query('insert into swallowed values (1)');
      await connection.query('select 1/0').catch(() => undefined);
    });
    await expect(done).rejects.toThrow('ended with ROLLBACK');
    expect(await plain.pool.query('select * from swallowed')).toEqual([]);
  });

  it('waits for running statements when it ends, and may be ended twice', async () => {
    const pool = createPool(plain.url);
    const running = pool.query(`select pg_sleep(0.2), 'done' as answer`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await Promise.all([pool.end(), pool.end()]);
    expect(await running).toMatchObject([{ answer: 'done' }]);
    const error = await pool.query('select 1').catch((reason: unknown) => toDatabaseError(reason, 'late'));
    expect(error).toMatchObject({ code: 'shutting_down' });
  });
});

describe('the rules of a pooler in transaction mode', () => {
  it('hold in every statement of the data path: nothing named, no session state', async () => {
    const folder = new URL('../../../shared/postgres/', import.meta.url);
    const files = (await readdir(folder)).filter((name) => name.endsWith('.ts'));
    expect(files.length).toBeGreaterThan(10);
    const forbidden =
      /\bset\s+(session|search_path|statement_timeout|work_mem)|\blisten\s+\w+\s*['"`;]|pg_advisory_lock|pg_try_advisory_lock\b|with hold|create temp|\bprepare\s+\w+\s+as|\bmerge into|name:\s*['"`]\w+['"`],\s*text:/i;
    for (const file of files) expect(await readFile(new URL(file, folder), 'utf8'), file).not.toMatch(forbidden);
  });

  it('leave nothing prepared on the server', async () => {
    const pool = createPool(plain.url, { max: 1 });
    await pool.query('select $1::int', [1]);
    expect(await pool.query('select name from pg_prepared_statements')).toEqual([]);
    await pool.end();
  });
});
