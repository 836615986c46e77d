import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { append } from '../../../shared/postgres/append.ts';
import { createAppendQueue } from '../../../shared/postgres/append-queue.ts';
import type { AppendRequest, AppendResult } from '../../../shared/postgres/append-request.ts';
import { readLedger } from '../../../shared/postgres/ledger.ts';
import type { ColumnDefinition } from '../../../shared/state/state-model.ts';
import { createRandom } from '../../bench/words.ts';
import { deliveryOf, insertState, newColumn, readStored } from '../../support/append-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database.stop());

/** A state with a text and a JSON column that exist. */
const createColumns = async (stateId: string): Promise<readonly ColumnDefinition[]> => {
  await insertState(database.pool, stateId);
  const columns = [newColumn('a'), newColumn('b', 'json')];
  return (
    await append(database.pool, { stateId, columns, deliveries: [deliveryOf(`${stateId}/made`, [])], dedupe: false })
  ).columns;
};

const plain = ({ deliveries }: AppendResult) =>
  deliveries.map((delivery) => ({
    ...delivery,
    ...(delivery.status === 'rejected' ? { error: delivery.error.code } : {}),
  }));

interface SketchedDelivery {
  readonly name: number;
  readonly rows: readonly { readonly a: string | null; readonly b: string | null; readonly key: string | null }[];
  readonly forwards: boolean;
}

const cell = fc.option(fc.string({ unit: 'binary', maxLength: 6 }));
const row = fc.record({
  // A NUL, which no column takes, now and then.
  a: cell,
  b: fc.option(fc.oneof({ weight: 9, arbitrary: fc.json() }, { weight: 1, arbitrary: fc.constant('{') })),
  key: fc.option(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 3 })),
});
const delivery: fc.Arbitrary<SketchedDelivery> = fc.record({
  name: fc.integer({ min: 0, max: 12 }),
  rows: fc.array(row, { maxLength: 3 }),
  forwards: fc.boolean(),
});
/** Rounds of requests at once, each to another state. */
const rounds = fc.array(
  fc.uniqueArray(
    fc.record({ state: fc.integer({ min: 0, max: 5 }), deliveries: fc.array(delivery, { maxLength: 3 }) }),
    {
      selector: ({ state }) => state,
      minLength: 2,
      maxLength: 6,
    },
  ),
  { minLength: 1, maxLength: 4 },
);

let runs = 0;

describe('appends to several states that wait together', () => {
  it('leave behind and answer what they would one by one', { timeout: 240_000 }, async () => {
    const one = database.openPool({ max: 1 });
    const other = database.openPool({ max: 2 });
    const queue = createAppendQueue(other);
    await fc.assert(
      fc.asyncProperty(rounds, async (plan) => {
        runs += 1;
        const sides = [`one ${runs}`, `many ${runs}`];
        const columns = new Map<string, readonly ColumnDefinition[]>();
        for (const side of sides) {
          for (let state = 0; state < 5; state += 1) {
            columns.set(`${side}/${state}`, await createColumns(`${side}/${state}`));
          }
        }
        const requestsOf = (side: string, round: (typeof plan)[number]): readonly AppendRequest[] =>
          round.map(({ state, deliveries }) => ({
            stateId: `${side}/${state}`,
            // There is no state 5.
            columns: columns.get(`${side}/${state}`) ?? columns.get(`${side}/0`)!,
            deliveries: deliveries.map(({ name, rows, forwards }) => ({
              ...deliveryOf(
                `${side}/${state}/${name}`,
                rows.map(({ a, b }) => [a, b]),
                { keys: rows.map(({ key }) => key), forwards },
              ),
              cells: [rows.map(({ a }) => a), rows.map(({ b }) => b)],
            })),
            dedupe: false,
          }));
        const told = async (run: () => Promise<AppendResult>, side: string): Promise<unknown> => {
          try {
            return JSON.parse(JSON.stringify(plain(await run())).replaceAll(side, 'side'));
          } catch (error) {
            return (error as { readonly code: string }).code;
          }
        };
        for (const round of plan) {
          const apart: unknown[] = [];
          for (const request of requestsOf(sides[0]!, round))
            apart.push(await told(() => append(one, request), sides[0]!));
          const together = await Promise.all(
            requestsOf(sides[1]!, round).map((request) => told(() => queue(request), sides[1]!)),
          );
          expect(together).toEqual(apart);
        }
        for (let state = 0; state < 5; state += 1) {
          const [apart, together] = await Promise.all(
            sides.map((side) => readStored(database.pool, `${side}/${state}`)),
          );
          expect(together).toEqual(apart);
          const ids = (side: string): readonly string[] =>
            Array.from({ length: 13 }, (_, name) => `${side}/${state}/${name}`);
          const [known, knownTogether] = await Promise.all(
            sides.map(async (side) =>
              Object.fromEntries(
                [...(await readLedger(database.pool, ids(side)))].map(([id, entry]) => [
                  id.replace(side, ''),
                  { ...entry, id: '', stateId: '' },
                ]),
              ),
            ),
          );
          expect(knownTogether).toEqual(known);
        }
      }),
      { numRuns: 60, seed: 16 },
    );
  });

  it('are one statement', async () => {
    const pool = database.openPool({ max: 1 });
    const queue = createAppendQueue(pool);
    const states = await Promise.all(
      [1, 2, 3, 4].map(async (n) => [`shared/${n}`, await createColumns(`shared/${n}`)] as const),
    );
    const results = await Promise.all(
      states.map(([stateId, columns]) =>
        queue({
          stateId,
          columns,
          deliveries: [deliveryOf(`${stateId}/1`, [['x', '{}']], { keys: ['k'] })],
          dedupe: false,
        }),
      ),
    );
    for (const { deliveries } of results)
      expect(deliveries).toMatchObject([{ status: 'stored', startIndex: 0, rowCount: 1 }]);
    const statements = await pool.query<{ statement: string }>('select statement from pg_prepared_statements');
    expect(statements.map(({ statement }) => statement.includes('skip locked'))).toEqual([true]);
  });

  it('do not wait for a state that somebody holds: it waits alone', async () => {
    const pool = database.openPool({ max: 3 });
    const queue = createAppendQueue(pool);
    const states = await Promise.all(
      [1, 2, 3].map(async (n) => [`held/${n}`, await createColumns(`held/${n}`)] as const),
    );
    let free!: () => void;
    const freed = new Promise<void>((resolve) => (free = resolve));
    let isHeld!: () => void;
    const held = new Promise<void>((resolve) => (isHeld = resolve));
    const holder = database.pool.transaction(async (connection) => {
      await connection.query('select from state where id = $1 for update', ['held/2']);
      isHeld();
      await freed;
    });
    await held;
    let isSecondDone = false;
    const [first, second, third] = states.map(([stateId, columns]) =>
      queue({ stateId, columns, deliveries: [deliveryOf(`${stateId}/1`, [['x', null]])], dedupe: false }),
    );
    void second!.then(() => (isSecondDone = true));
    await Promise.all([first, third]);
    expect(isSecondDone).toBe(false);
    free();
    await Promise.all([holder, second]);
    expect((await readStored(database.pool, 'held/2')).count).toBe(1);
  });

  it(
    'of many writers with overlapping sets of states never deadlock, and store everything once',
    { timeout: 240_000 },
    async () => {
      const count = 12;
      const states = await Promise.all(
        Array.from({ length: count }, async (_, n) => [`overlap/${n}`, await createColumns(`overlap/${n}`)] as const),
      );
      const random = createRandom(16);
      const writers = Array.from({ length: 6 }, () => createAppendQueue(database.openPool({ max: 2 })));
      const before = await deadlocks();
      const ids = new Set<string>();
      await Promise.all(
        writers.map(async (queue, writer) => {
          for (let round = 0; round < 60; round += 1) {
            const chosen = states.toSorted(() => random() - 0.5).slice(0, 2 + Math.floor(random() * (count - 2)));
            const results = await Promise.all(
              chosen.map(([stateId, columns]) => {
                // Half of the messages come to several writers.
                const id = round % 2 === 0 ? `${stateId}/all/${round}` : `${stateId}/${writer}/${round}`;
                ids.add(id);
                return queue({
                  stateId,
                  columns,
                  deliveries: [deliveryOf(id, [['x', null]], { keys: [id] })],
                  dedupe: false,
                });
              }),
            );
            for (const { deliveries } of results) expect(deliveries[0]?.status).not.toBe('rejected');
          }
        }),
      );
      expect(await deadlocks()).toBe(before);
      let stored = 0;
      for (const [stateId] of states) {
        const { count: rows, mapping } = await readStored(database.pool, stateId);
        expect(mapping.map(({ index }) => index)).toEqual(Array.from({ length: rows }, (_, index) => index));
        stored += rows;
      }
      expect(stored).toBe(ids.size);
    },
  );
});

const deadlocks = async (): Promise<number> => {
  await database.pool.query('select pg_stat_force_next_flush()');
  const [row] = await database.pool.query<{ deadlocks: number }>(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  );
  return row!.deadlocks;
};
