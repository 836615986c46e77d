import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { append } from '../../../shared/postgres/append.ts';
import type { ColumnDefinition } from '../../../shared/state/state-model.ts';
import type { DatabasePool } from '../../../shared/postgres/database.ts';
import { readLedger, recordHandled } from '../../../shared/postgres/ledger.ts';
import { createPool } from '../../../shared/postgres/pool.ts';
import { deliveryOf, insertState, newColumn } from '../../support/append-fixture.ts';
import { startTestPair, type TestPair } from '../../support/test-standby.ts';

let pair: TestPair;
let pool: DatabasePool;

beforeAll(async () => {
  pair = await startTestPair({ isSynchronous: true });
  pool = createPool(pair.primary.url, { max: 4, queryTimeoutMs: 700 });
  // Known columns: what is looked at is the append's own statement.
  for (const stateId of states) {
    await insertState(pool, stateId);
    const deliveries = [deliveryOf(`${stateId}/first`, [['x']])];
    const stored = await append(pool, { stateId, columns: [newColumn('a')], deliveries, dedupe: false });
    columns.set(stateId, stored.columns);
  }
});
afterAll(async () => {
  await pool.end();
  await pair.stop();
});

const states: readonly string[] = ['rows', 'dedupe', 'nothing'];
const columns = new Map<string, readonly ColumnDefinition[]>();
const handled = [{ id: 'handled', contentHash: null }];
/** One delivery for a state of its own: a commit that waits holds the lock of its state. */
const store = (stateId: string, rows: readonly string[], dedupe = false): Promise<unknown> =>
  append(pool, {
    stateId,
    columns: columns.get(stateId)!,
    deliveries: [
      {
        ...deliveryOf(
          stateId,
          rows.map((row) => [row]),
        ),
        cells: [rows],
      },
    ],
    dedupe,
  });

/** Every way in which the ledger is asked whether a message may be acknowledged. */
const ways: readonly (readonly [name: string, work: () => Promise<unknown>])[] = [
  ['rows', () => store('rows', ['y'])],
  ['rows of a state without doubles', () => store('dedupe', ['y'], true)],
  ['no rows', () => store('nothing', [])],
  ['a delivery of a function that stores none', () => recordHandled(pool, handled)],
];
const endOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'acknowledged',
    (error: unknown) => String((error as { readonly code?: unknown }).code),
  );

describe('an acknowledgement, with a synchronous standby', () => {
  it('waits for the standby at the first commit and at every redelivery, and comes when the standby does', async () => {
    await pair.standby.stop();
    for (const [name, work] of ways) expect(await endOf(work()), name).toBe('database_timeout');
    // The commits that waited in vain are visible from here on, and nobody else has them.
    await pair.primary.restart('immediate');
    await pool.query('select 1').catch(() => undefined);
    expect((await readLedger(pool, ['rows', 'dedupe', 'nothing', 'handled'], 'visible')).size).toBe(4);
    for (const [name, work] of ways) expect(await endOf(work()), name).toBe('database_timeout');
    expect(await endOf(readLedger(pool, ['rows']))).toBe('database_timeout');
    // What is not known needs no standby.
    expect(await endOf(readLedger(pool, ['unknown']))).toBe('acknowledged');
    await pair.standby.restart('fast');
    for (const [name, work] of ways) {
      await expect.poll(() => endOf(work()), { timeout: 10_000, message: name }).toBe('acknowledged');
    }
    expect(await endOf(readLedger(pool, ['rows']))).toBe('acknowledged');
  });

  it('holds over a failover: what was acknowledged is on the standby', async () => {
    const standby = createPool(pair.standby.url, { max: 1 });
    expect((await readLedger(standby, ['rows/first', 'rows', 'dedupe', 'nothing', 'handled'], 'visible')).size).toBe(5);
    await standby.end();
  });
});
