import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/errors/sync-error.ts';
import { append } from '../../../shared/postgres/append.ts';
import type { AppendRequest, AppendResult } from '../../../shared/postgres/append-request.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { deliveryOf, insertState, newColumn, readStored, type StoredState } from '../../support/append-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
const log: string[] = [];
beforeAll(async () => {
  database = await startTestDatabase({ onLog: (line) => log.push(line) });
});
afterAll(async () => {
  await database.stop();
});

const openWriters = (count: number): readonly DatabasePool[] =>
  Array.from({ length: count }, () => database.openPool({ max: 1 }));

/** Positions are 0..count-1 without a hole, and each has a cell of every column. */
const expectDense = (stored: StoredState, count: number, columns: number): void => {
  expect(stored.count).toBe(count);
  expect([...stored.rows.keys()]).toEqual(Array.from({ length: count }, (_, index) => index));
  for (const row of stored.rows.values()) expect(Object.keys(row)).toHaveLength(columns);
};

const appendUntilAnswered = async (pool: DatabasePool, request: AppendRequest): Promise<AppendResult> => {
  for (;;) {
    try {
      return await append(pool, request);
    } catch (error) {
      if (!(error instanceof RetryableError)) throw error;
    }
  }
};

describe('writers of one state', () => {
  it('store a delivery once when eight of them have it at the same time', async () => {
    await insertState(database.pool, 'same');
    const writers = openWriters(8);
    const columns = [newColumn('a'), newColumn('b')];
    for (let round = 0; round < 10; round += 1) {
      const deliveries = [
        deliveryOf(`same/${round}`, [
          ['x', `${round}`],
          ['y', `${round}`],
        ]),
      ];
      const results = await Promise.all(
        writers.map((pool) => append(pool, { stateId: 'same', columns, deliveries, dedupe: false })),
      );
      const answers = results.map(({ deliveries: [answer] }) => answer);
      expect(answers.filter((answer) => answer?.status === 'stored')).toHaveLength(1);
      expect(new Set(answers.map((answer) => answer?.startIndex))).toEqual(new Set([round * 2]));
    }
    expectDense(await readStored(database.pool, 'same'), 20, 2);
  });

  it('G-4: never take the same positions', async () => {
    await insertState(database.pool, 'overlap');
    const writers = openWriters(6);
    const columns = [newColumn('a'), newColumn('b')];
    await Promise.all(
      writers.map(async (pool, writer) => {
        for (let turn = 0; turn < 15; turn += 1) {
          const rows = Array.from({ length: 1 + (turn % 4) }, (_, row) => [`${writer}/${turn}`, `${row}`]);
          const deliveries = [deliveryOf(`overlap/${writer}/${turn}`, rows)];
          await append(pool, { stateId: 'overlap', columns, deliveries, dedupe: false });
        }
      }),
    );
    const stored = await readStored(database.pool, 'overlap');
    expectDense(stored, 6 * (15 + 0 + 4 + 8 + 9), 2);
    // Rows of one delivery stand together, in their order.
    for (const [index, row] of stored.rows)
      if (row['b'] !== '0') expect(stored.rows.get(index - 1)?.['a']).toBe(row['a']);
  });

  it('G-10: agree on the ids of columns that they create at the same time', async () => {
    await insertState(database.pool, 'race');
    const writers = openWriters(8);
    const results = await Promise.all(
      writers.map((pool, writer) =>
        append(pool, {
          stateId: 'race',
          columns: [newColumn('a'), newColumn('b'), newColumn(`own_${writer}`)],
          deliveries: [deliveryOf(`race/${writer}`, [['x', 'y', `${writer}`]])],
          dedupe: false,
        }),
      ),
    );
    for (const name of ['a', 'b']) {
      const ids = results.map(({ columns }) => columns.find((column) => column.name === name)?.id);
      expect(new Set(ids).size).toBe(1);
    }
    const orders = await database.pool.query<{ display_order: number }>(
      `select display_order from state_column where state_id = 'race' order by display_order`,
    );
    expect(orders.map(({ display_order: order }) => order)).toEqual(Array.from({ length: 10 }, (_, order) => order));
    expect((await readStored(database.pool, 'race')).count).toBe(8);
  });

  it('do not wait for each other in a circle when they share deliveries in different orders', async () => {
    await insertState(database.pool, 'circle-1');
    await insertState(database.pool, 'circle-2');
    const writers = openWriters(2);
    const columns = [newColumn('a')];
    for (let turn = 0; turn < 5; turn += 1) {
      const ids = Array.from({ length: 600 }, (_, index) => `circle/${turn}/${index}`);
      // The same ids for two states: only if a route was pointed elsewhere between two deliveries.
      await Promise.all(
        writers.map((pool, writer) => {
          const deliveries = (writer === 0 ? ids : ids.toReversed()).map((id) => deliveryOf(id, [['x']]));
          return append(pool, { stateId: `circle-${1 + writer}`, columns, deliveries, dedupe: false });
        }),
      );
    }
    const counts = await database.pool.query<{ n: number }>(
      `select sum(count)::int as n from state where id in ('circle-1', 'circle-2')`,
    );
    expect(counts[0]?.n).toBe(3_000);
    expect(log.filter((line) => line.includes('deadlock'))).toEqual([]);
  });

  it('G-8: with dedupe, store a key once, however many of them have it', async () => {
    await insertState(database.pool, 'keys');
    const writers = openWriters(6);
    const columns = [newColumn('a')];
    const results = await Promise.all(
      writers.flatMap((pool, writer) =>
        [0, 1, 2].map((turn) => {
          const rows = [['1'], ['2'], ['2'], [`own ${writer}/${turn}`], ['no key']];
          const keys = ['k1', 'k2', 'k2', `k-${writer}-${turn}`, null];
          const deliveries = [deliveryOf(`keys/${writer}/${turn}`, rows, { keys })];
          return append(pool, { stateId: 'keys', columns, deliveries, dedupe: true });
        }),
      ),
    );
    const stored = await readStored(database.pool, 'keys');
    expectDense(stored, 2 + 18 + 18, 1);
    const keys = stored.mapping.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toHaveLength(20);
    const storedRows = results.flatMap(({ deliveries }) => deliveries.map(({ rowCount }) => rowCount));
    expect(storedRows.filter((rows) => rows === 4)).toHaveLength(1);
    expect(storedRows.filter((rows) => rows === 2)).toHaveLength(17);
  });
});

describe('with dedupe', () => {
  it('a redelivery stores nothing and names the same rows as the first time', async () => {
    await insertState(database.pool, 'dedupe');
    const columns = [newColumn('a')];
    const first = deliveryOf('dedupe/1', [['1'], ['2']], { keys: ['k1', 'k2'], forwards: true });
    const second = deliveryOf('dedupe/2', [['1'], ['3'], ['3'], ['n']], {
      keys: ['k1', 'k3', 'k3', null],
      forwards: true,
    });
    const request = { stateId: 'dedupe', columns, deliveries: [first, second], dedupe: true };
    const once = await append(database.pool, request);
    const again = await append(database.pool, request);
    expect(once.deliveries).toEqual([
      { id: 'dedupe/1', status: 'stored', startIndex: 0, rowCount: 2, forwarded: false, storedRows: [0, 1] },
      { id: 'dedupe/2', status: 'stored', startIndex: 2, rowCount: 2, forwarded: false, storedRows: [1, 3] },
    ]);
    expect(again.deliveries).toEqual(once.deliveries.map((delivery) => ({ ...delivery, status: 'duplicate' })));
    expect((await readStored(database.pool, 'dedupe')).count).toBe(4);
  });

  it('a delivery of which nothing is new is recorded, and stores nothing', async () => {
    await insertState(database.pool, 'nothing');
    const of = (id: string) => ({
      stateId: 'nothing',
      columns: [newColumn('a')],
      deliveries: [deliveryOf(id, [['1']], { keys: ['k'] })],
      dedupe: true,
    });
    await append(database.pool, of('nothing/1'));
    const { deliveries } = await append(database.pool, of('nothing/2'));
    expect(deliveries).toEqual([
      { id: 'nothing/2', status: 'stored', startIndex: null, rowCount: 0, forwarded: true, storedRows: [] },
    ]);
  });

  it('stores a key whose mapping row points behind the rows: those were deleted by another writer', async () => {
    await insertState(database.pool, 'deleted');
    const of = (id: string) => ({
      stateId: 'deleted',
      columns: [newColumn('a')],
      deliveries: [deliveryOf(id, [['1'], ['2']], { keys: ['k1', 'k2'] })],
      dedupe: true,
    });
    await append(database.pool, of('deleted/1'));
    await database.pool.query(`update state set count = 0 where id = 'deleted'`);
    await database.pool.query(
      `delete from state_column_data where column_id in (select id from state_column where state_id = 'deleted')`,
    );
    const { deliveries } = await append(database.pool, of('deleted/2'));
    expect(deliveries).toMatchObject([{ status: 'stored', startIndex: 0, rowCount: 2, storedRows: [0, 1] }]);
    expect((await readStored(database.pool, 'deleted')).rows.size).toBe(2);
  });

  it('G-7: knows the last key of the reference, whose mapping row points one behind its row', async () => {
    await insertState(database.pool, 'one-based');
    const of = (id: string) => ({
      stateId: 'one-based',
      columns: [newColumn('state_key')],
      deliveries: [deliveryOf(id, [['k1']], { keys: ['k1'] })],
      dedupe: true,
    });
    await append(database.pool, of('one-based/1'));
    await database.pool.query(
      `update state_column_data_mapping set data_index = data_index + 1 where state_id = 'one-based'`,
    );
    const { deliveries } = await append(database.pool, of('one-based/2'));
    expect(deliveries).toMatchObject([{ status: 'stored', rowCount: 0, storedRows: [] }]);
    expect((await readStored(database.pool, 'one-based')).count).toBe(1);
  });
});

describe('connections that are cut', () => {
  it('lose nothing and store nothing twice while backends are killed at random', async () => {
    await insertState(database.pool, 'killed');
    const writers = openWriters(3);
    const columns = [newColumn('a'), newColumn('b')];
    const writing = new AbortController();
    let killed = 0;
    const killer = (async () => {
      while (!writing.signal.aborted) {
        const rows = await database.pool.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and query like '%reserved%'
            order by random() limit 2`,
        );
        killed += rows.length;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    await Promise.all(
      writers.map(async (pool, writer) => {
        for (let turn = 0; turn < 40; turn += 1) {
          // Every delivery is offered by two writers: one redelivery each.
          const deliveries = [(writer + 1) % 3, writer].map((owner) =>
            deliveryOf(
              `killed/${owner}/${turn}`,
              Array.from({ length: 20 }, (_, row) => [`${owner}/${turn}`, `${row}`]),
              {
                keys: Array.from({ length: 20 }, (_, row) => `${owner}/${turn}/${row}`),
              },
            ),
          );
          await appendUntilAnswered(pool, { stateId: 'killed', columns, deliveries, dedupe: false });
        }
      }),
    );
    writing.abort();
    await killer;
    expect(killed).toBeGreaterThan(5);
    const stored = await readStored(database.pool, 'killed');
    expectDense(stored, 3 * 40 * 20, 2);
    expect(new Set(stored.mapping.map(({ key }) => key)).size).toBe(2_400);
    expect(stored.mapping).toHaveLength(2_400);
  });
});

describe('count drift of a writer that does not lock', () => {
  it('G-18: is mended and nothing of what it wrote is overwritten', async () => {
    await insertState(database.pool, 'drift');
    const columns = [newColumn('a')];
    const first = await append(database.pool, {
      stateId: 'drift',
      columns,
      deliveries: [deliveryOf('drift/1', [['ours']])],
      dedupe: false,
    });
    await database.pool.query(
      `insert into state_column_data (column_id, data_index, data_value) values ($1, 1, 'theirs'), ($1, 5, 'theirs too')`,
      [first.columns[0]?.id],
    );
    const of = (id: string) => ({
      stateId: 'drift',
      columns: first.columns,
      deliveries: [deliveryOf(id, [['x'], ['y']])],
    });
    const plain = await append(database.pool, { ...of('drift/2'), dedupe: false });
    expect(plain.deliveries[0]?.startIndex).toBe(6);
    await database.pool.query(`update state set count = 4 where id = 'drift'`);
    const deduped = await append(database.pool, { ...of('drift/3'), dedupe: true });
    expect(deduped.deliveries[0]?.startIndex).toBe(8);
    const stored = await readStored(database.pool, 'drift');
    expect(stored.count).toBe(10);
    expect([stored.rows.get(1)?.['a'], stored.rows.get(5)?.['a']]).toEqual(['theirs', 'theirs too']);
  });
});
