import { describe, expect, it, vi } from 'vitest';
import {
  createConnectionPool,
  type ConnectionPool,
  type ConnectionPoolOptions,
  type PooledConnection,
} from '../../../shared/postgres/connection-pool.ts';

class FakeConnection implements PooledConnection {
  isClosed = false;
  break: (error: Error) => void = () => undefined;
  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
  onBroken(listener: (error: Error) => void): void {
    this.break = listener;
  }
}

interface World {
  readonly pool: ConnectionPool<FakeConnection>;
  readonly opened: FakeConnection[];
  readonly errors: Error[];
}

const start = (options: Partial<ConnectionPoolOptions<FakeConnection>> = {}): World => {
  const opened: FakeConnection[] = [];
  const errors: Error[] = [];
  const pool = createConnectionPool<FakeConnection>({
    open: () => {
      const connection = new FakeConnection();
      opened.push(connection);
      return Promise.resolve(connection);
    },
    max: 2,
    waitMs: 1_000,
    idleMs: 10_000,
    lifetimeMs: 60_000,
    onError: (error) => errors.push(error),
    ...options,
  });
  return { pool, opened, errors };
};

const reasonOf = (taken: Promise<unknown>): Promise<unknown> =>
  taken.then(
    () => 'taken',
    (error: unknown) => error,
  );

describe('a pool of connections', () => {
  it('P2: gives a connection that was opened ahead to nobody before it is prepared, and opens no other for who waits', async () => {
    const { pool, opened } = start();
    let isReady = false;
    pool.warm(async () => {
      await new Promise(setImmediate);
      isReady = true;
      return true;
    });
    const taken = pool.take().then((connection) => ({ connection, isReady }));
    expect(await taken).toEqual({ connection: opened[0], isReady: true });
    expect(opened).toHaveLength(1);
  });

  it.each<[string, () => Promise<boolean>]>([
    ['says that it is unusable', () => Promise.resolve(false)],
    ['fails', () => Promise.reject(new Error('the session is gone'))],
  ])('P2: closes a connection whose preparation %s; who waits gets another one', async (_what, prepare) => {
    const { pool, opened } = start();
    pool.warm(prepare);
    const connection = await pool.take();
    expect(opened.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    expect(connection).toBe(opened[1]);
  });

  it('P1: never has more than its share, however many ask', async () => {
    const { pool, opened } = start();
    let most = 0;
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        const connection = await pool.take();
        most = Math.max(most, opened.filter(({ isClosed }) => !isClosed).length);
        await Promise.resolve();
        pool.giveBack(connection, Math.random() < 0.5);
      }),
    );
    expect(most).toBeLessThanOrEqual(2);
    expect(pool.stats().waiting).toBe(0);
  });

  it('P2: never gives out a connection that broke, was retired, or was given back as unusable', async () => {
    const { pool, opened, errors } = start();
    const [a, b] = await Promise.all([pool.take(), pool.take()]);
    pool.giveBack(a, false);
    expect(a.isClosed).toBe(true);
    const c = await pool.take();
    expect(c).not.toBe(a);
    pool.giveBack(c, true);
    c.break(new Error('cut'));
    expect(c.isClosed).toBe(true);
    expect(errors).toHaveLength(1);
    const d = await pool.take();
    pool.retire();
    expect([b.isClosed, d.isClosed]).toEqual([false, false]);
    pool.giveBack(b, true);
    pool.giveBack(d, true);
    expect([b.isClosed, d.isClosed]).toEqual([true, true]);
    expect(await pool.take()).toBe(opened.at(-1));
    expect(opened).toHaveLength(5);
  });

  it('P3: waiting for what others hold ends as overload; the connection that comes too late goes to the next', async () => {
    const { pool } = start({ max: 1, waitMs: 20 });
    const held = await pool.take();
    expect(await reasonOf(pool.take())).toMatchObject({ code: 'overloaded' });
    expect(pool.stats()).toEqual({ total: 1, idle: 0, waiting: 0 });
    pool.giveBack(held, true);
    expect(await pool.take()).toBe(held);
  });

  it('P3: if none can be opened and none is left, all who wait are told why; if one is left, they get it', async () => {
    const outage = new Error('refused');
    let isDown = true;
    const { pool } = start({ open: () => (isDown ? Promise.reject(outage) : Promise.resolve(new FakeConnection())) });
    const reasons = await Promise.all(Array.from({ length: 8 }, () => reasonOf(pool.take())));
    expect(reasons).toEqual(Array.from({ length: 8 }, () => outage));
    isDown = false;
    const held = await pool.take();
    isDown = true;
    const second = reasonOf(pool.take());
    const third = reasonOf(pool.take());
    expect(await second).toBe(outage);
    pool.giveBack(held, true);
    expect(await Promise.race([third, new Promise((resolve) => setTimeout(resolve, 50))])).toBe(outage);
  });

  it('P4: serves who waits longest first', async () => {
    const { pool } = start({ max: 1 });
    const held = await pool.take();
    const order: number[] = [];
    const takes = [1, 2, 3].map(async (number) => {
      const connection = await pool.take();
      order.push(number);
      pool.giveBack(connection, true);
    });
    pool.giveBack(held, true);
    await Promise.all(takes);
    expect(order).toEqual([1, 2, 3]);
  });

  it('closes a connection that was idle for long, and one that is old', async () => {
    vi.useFakeTimers();
    try {
      const { pool, opened } = start({ idleMs: 100, lifetimeMs: 1_000 });
      pool.giveBack(await pool.take(), true);
      vi.advanceTimersByTime(101);
      expect(opened[0]?.isClosed).toBe(true);
      const old = await pool.take();
      vi.advanceTimersByTime(1_001);
      expect(old.isClosed).toBe(false);
      pool.giveBack(old, true);
      expect(old.isClosed).toBe(true);
      await pool.end();
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends when everything is back: who waited before is served, who comes later is refused', async () => {
    const { pool, opened } = start({ max: 1 });
    const held = await pool.take();
    const waited = pool.take();
    const ended = pool.end();
    expect(await reasonOf(pool.take())).toMatchObject({ code: 'shutting_down' });
    pool.giveBack(held, true);
    pool.giveBack(await waited, true);
    await ended;
    expect(opened.every(({ isClosed }) => isClosed)).toBe(true);
    await pool.end();
  });
});
