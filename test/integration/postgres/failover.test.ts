import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { toDatabaseError } from '../../../shared/postgres/database-error.ts';
import { createPool, type PoolOptions } from '../../../shared/postgres/pool.ts';
import { startTcpProxy, type TcpProxy } from '../../chaos/tcp-proxy.ts';
import { startPgBouncer, type PgBouncer } from '../../chaos/pgbouncer.ts';
import { askServer, startTestPair, type TestPair } from '../../support/test-standby.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

/** After the address has healed, a write must work within this time. */
const healedWithinMs = 3_000;

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => toDatabaseError(error, 'write').code,
  );

describe('a failover behind one address, whose sockets nobody cuts', () => {
  let pair: TestPair;
  let proxy: TcpProxy;
  let pool: DatabasePool;

  beforeAll(async () => {
    pair = await startTestPair();
    await askServer(pair.primary, 'create table mark (n int)');
  });
  afterAll(() => pair.stop());
  beforeEach(async () => {
    proxy = await startTcpProxy(pair.primary.port, () => 0.9);
    pool = openAt(pair.primary.url.replace(`:${pair.primary.port}/`, `:${proxy.port}/`));
  });
  afterEach(async () => {
    await pool.end();
    await proxy.close();
  });
  const openAt = (url: string, options: PoolOptions = {}): DatabasePool =>
    createPool(url, { max: 2, connectTimeoutMs: 1_000, ...options });
  const write = (): Promise<string> => codeOf(pool.query('insert into mark values (1)'));
  /** Two connections, both idle. */
  const warm = async (): Promise<void> => {
    await Promise.all([pool.query('select pg_sleep(0.1)'), pool.query('select pg_sleep(0.1)')]);
    expect(pool.stats().idle).toBe(2);
  };

  it('is noticed at the first write over an idle connection to what is read-only now: it goes to the new address', async () => {
    proxy.target.port = pair.standby.port;
    await warm();
    expect(await codeOf(pool.query('select 1'))).toBe('done');
    proxy.target.port = pair.primary.port;
    // The sockets still lead to the standby.
    expect(proxy.connections).toBe(2);
    expect(await write()).toBe('done');
    await expect.poll(() => proxy.connections).toBe(1);
  });

  it('is an outage, not a rejection, while the address leads to a standby, and ends when it does not', async () => {
    proxy.target.port = pair.standby.port;
    expect(await write()).toBe('database_unavailable');
    expect(await codeOf(pool.transaction((connection) => connection.query('insert into mark values (1)')))).toBe(
      'database_unavailable',
    );
    proxy.target.port = pair.primary.port;
    const startedMs = performance.now();
    await expect.poll(write, { timeout: healedWithinMs }).toBe('done');
    expect(performance.now() - startedMs).toBeLessThan(healedWithinMs);
  });

  it('to a server that was set read-only for new sessions and old ones is noticed too', async () => {
    await warm();
    await askServer(pair.primary, 'alter system set default_transaction_read_only = on');
    await askServer(pair.primary, 'select pg_reload_conf()');
    await expect.poll(write).toBe('database_unavailable');
    await askServer(pair.primary, 'alter system reset default_transaction_read_only');
    await askServer(pair.primary, 'select pg_reload_conf()');
    await expect.poll(write, { timeout: healedWithinMs }).toBe('done');
  });

  it.each(['fast', 'immediate'] as const)(
    'by a %s shutdown closes every connection, and the next write opens one',
    async (mode) => {
      await warm();
      await pair.primary.restart(mode);
      await expect.poll(write, { timeout: healedWithinMs }).toBe('done');
    },
  );

  it('finds the writable server in a list of hosts, whichever comes first', async () => {
    const { primary, standby } = pair;
    const hosts = [`127.0.0.1:${standby.port}`, `127.0.0.1:${primary.port}`];
    const urlOf = (list: readonly string[], query = ''): string =>
      primary.url.replace(`127.0.0.1:${primary.port}`, list.join(',')).concat(query);
    const recovering = async (url: string): Promise<unknown> => {
      const listed = openAt(url);
      const [row] = await listed.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
      await listed.end();
      return row?.standby;
    };
    expect(await recovering(urlOf(hosts))).toBe(false);
    expect(await recovering(urlOf(hosts.toReversed()))).toBe(false);
    expect(await recovering(urlOf(hosts, '?target_session_attrs=any'))).toBe(true);
    expect(await recovering(urlOf(hosts.toReversed(), '?target_session_attrs=standby'))).toBe(true);
    expect(await recovering(urlOf(hosts.toReversed(), '?target_session_attrs=read-only'))).toBe(true);
    expect(await recovering(urlOf(hosts.toReversed(), '?target_session_attrs=prefer-standby'))).toBe(true);
    expect(await recovering(urlOf(hosts, '?target_session_attrs=primary'))).toBe(false);
    expect(await recovering(urlOf([hosts[1]!], '?target_session_attrs=prefer-standby'))).toBe(false);
  });

  it('follows the primary through a list of hosts when the standby is promoted and the old one stops', async () => {
    const own = await startTestPair();
    try {
      const hosts = `127.0.0.1:${own.primary.port},127.0.0.1:${own.standby.port}`;
      await askServer(own.primary, 'create table mark (n int)');
      const listed = openAt(own.primary.url.replace(`127.0.0.1:${own.primary.port}`, hosts));
      expect(await codeOf(listed.query('insert into mark values (1)'))).toBe('done');
      await own.primary.stop();
      expect(await codeOf(listed.query('insert into mark values (1)'))).toBe('database_unavailable');
      await askServer(own.standby, 'select pg_promote()');
      await expect
        .poll(() => codeOf(listed.query('insert into mark values (1)')), { timeout: healedWithinMs })
        .toBe('done');
      await listed.end();
    } finally {
      await own.stop();
    }
  });
});

describe('a pooler that loses its server', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let pooler: PgBouncer;

  beforeAll(async () => {
    database = await startTestDatabase();
    proxy = await startTcpProxy(database.server.port, () => 0.9);
    const url = new URL(database.url);
    pooler = await startPgBouncer({
      folder: database.server.dataDir.replace(/\/data$/, ''),
      databasePort: proxy.port,
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
    });
  });
  afterAll(async () => {
    await pooler?.stop();
    await proxy?.close();
    await database.stop();
  });

  it('is an outage in its own words, and works again as soon as the pooler does', { timeout: 40_000 }, async () => {
    const url = new URL(database.url);
    url.port = String(pooler.port);
    const pool = createPool(url.href, { max: 2, connectTimeoutMs: 8_000 });
    const ask = (): Promise<string> => codeOf(pool.query('select 1'));
    expect(await ask()).toBe('done');
    proxy.setMode({ kind: 'refuse' });
    await expect.poll(ask, { timeout: 10_000 }).toBe('database_unavailable');
    expect(await ask()).toBe('database_unavailable');
    proxy.setMode({ kind: 'open' });
    await expect.poll(ask, { timeout: 10_000 }).toBe('done');
    await pooler.restart();
    await expect.poll(ask, { timeout: healedWithinMs }).toBe('done');
    await pool.end();
  });

  it('says by name that a database, a user or a start-up parameter is not one of its own', async () => {
    const reasonOf = async (change: (url: URL) => void): Promise<Error> => {
      const url = new URL(database.url);
      url.port = String(pooler.port);
      change(url);
      const pool = createPool(url.href, { max: 1 });
      const error = await pool.query('select 1').catch((reason: unknown) => toDatabaseError(reason, 'connect'));
      await pool.end();
      return error as Error;
    };
    for (const change of [
      (url: URL) => (url.password = 'wrong'),
      (url: URL) => (url.username = 'nobody'),
      (url: URL) => url.searchParams.set('options', '-c statement_timeout=5s'),
    ]) {
      expect(await reasonOf(change)).toMatchObject({ code: 'database_misconfigured' });
    }
  });
});
