import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { append } from '../../../shared/postgres/append.ts';
import { markForwarded, prune, readLedger, recordHandled } from '../../../shared/postgres/ledger.ts';
import { repairState, findDriftedStates } from '../../../shared/postgres/repair.ts';
import { deliveryOf, insertState, newColumn, readStored } from '../../support/append-fixture.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(async () => {
  await database.stop();
});

const unhashed = (ids: readonly string[]) => ids.map((id) => ({ id, contentHash: null }));

const age = (ids: readonly string[], interval: string) =>
  database.pool.query('update state_sync.ledger set applied_at = now() - $2::interval where message_id = any($1)', [
    ids,
    interval,
  ]);

describe('the ledger', () => {
  it('keeps that forwards were confirmed, also for ids that it does not know, and never forgets it', async () => {
    await insertState(database.pool, 'L');
    const deliveries = ['L/1', 'L/2'].map((id) => deliveryOf(id, [['x']], { forwards: true }));
    await append(database.pool, { stateId: 'L', columns: [newColumn('a')], deliveries, dedupe: false });
    await markForwarded(database.pool, ['L/2', 'unknown']);
    await markForwarded(database.pool, []);
    const ledger = await readLedger(database.pool, ['L/1', 'L/2', 'unknown']);
    expect(
      [...ledger.values()].map(({ id, stateId, startIndex, rowCount, forwarded }) => [
        id,
        stateId,
        startIndex,
        rowCount,
        forwarded,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ['L/1', 'L', 0, 1, false],
        ['L/2', 'L', 1, 1, true],
      ]),
    );
    expect(ledger.size).toBe(2);
  });

  it('records messages of functions that store nothing, and forwarded never goes back', async () => {
    await recordHandled(database.pool, unhashed(['H/1', 'H/2', 'H/1']), false);
    await recordHandled(database.pool, unhashed(['H/2', 'H/3']));
    await recordHandled(database.pool, unhashed(['H/2']), false);
    const ledger = await readLedger(database.pool, ['H/1', 'H/2', 'H/3']);
    expect(['H/1', 'H/2', 'H/3'].map((id) => ledger.get(id)?.forwarded)).toEqual([false, true, true]);
    expect(ledger.get('H/1')).toMatchObject({ stateId: null, startIndex: null, rowCount: 0 });
  });

  it('takes concurrent notes about the same ids in any order', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `C/${index}`);
    await Promise.all([
      recordHandled(database.pool, unhashed(ids), false),
      recordHandled(database.pool, unhashed(ids.toReversed()), false),
    ]);
    await Promise.all([ids, ids.toReversed(), ids].map((list) => markForwarded(database.pool, list)));
    const ledger = await readLedger(database.pool, ids);
    expect([...ledger.values()].every(({ forwarded }) => forwarded)).toBe(true);
  });

  it('loses the rows older than asked in small batches, and no other', async () => {
    const old = Array.from({ length: 25 }, (_, index) => `old/${index}`);
    await recordHandled(database.pool, unhashed([...old, 'young']));
    await age(old, '8 days');
    await age(['young'], '6 days');
    expect(await prune(database.pool, { olderThanMs: 7 * 86_400_000, batch: 10 })).toBe(25);
    expect((await readLedger(database.pool, [...old, 'young'])).size).toBe(1);
  });

  it('keeps rows whose forwards are not confirmed ten times as long', async () => {
    await recordHandled(database.pool, unhashed(['open/young', 'open/old']), false);
    await age(['open/young'], '69 days');
    await age(['open/old'], '71 days');
    expect(await prune(database.pool, { olderThanMs: 7 * 86_400_000, batch: 10 })).toBe(1);
    expect([...(await readLedger(database.pool, ['open/young', 'open/old'])).keys()]).toEqual(['open/young']);
    await markForwarded(database.pool, ['open/young']);
    expect(await prune(database.pool, { olderThanMs: 7 * 86_400_000, batch: 10 })).toBe(1);
  });

  it.each([
    ['read', () => readLedger(database.pool, ['nul \0'])],
    ['noted', () => markForwarded(database.pool, ['nul \0'])],
    ['written', () => recordHandled(database.pool, unhashed(['nul \0']))],
  ])('refuses nothing for good when it cannot be %s', async (_name, run) => {
    await expect(run()).rejects.toMatchObject({ name: 'RetryableError', code: 'database_misconfigured' });
  });

  it('is pruned without waiting for, or holding up, an append', async () => {
    await recordHandled(database.pool, unhashed(['locked/1', 'locked/2', 'locked/3']));
    await age(['locked/1', 'locked/2', 'locked/3'], '9 days');
    await insertState(database.pool, 'busy');
    await database.pool.transaction(async (connection) => {
      await connection.query(`select from state_sync.ledger where message_id = 'locked/2' for update`);
      expect(await prune(database.pool, { olderThanMs: 7 * 86_400_000, batch: 10 })).toBe(2);
      const deliveries = [deliveryOf('busy/1', [['x']])];
      const result = await append(database.pool, {
        stateId: 'busy',
        columns: [newColumn('a')],
        deliveries,
        dedupe: false,
      });
      expect(result.deliveries[0]?.status).toBe('stored');
    });
    expect((await readLedger(database.pool, ['locked/1', 'locked/2', 'locked/3'])).size).toBe(1);
  });

  it('stops pruning when it is told to', async () => {
    expect(await prune(database.pool, { olderThanMs: 0, batch: 1, signal: AbortSignal.abort() })).toBe(0);
  });
});

describe('repair', () => {
  const damage = async (stateId: string): Promise<void> => {
    await insertState(database.pool, stateId);
    const rows = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, `k-${name}`]);
    await append(database.pool, {
      stateId,
      columns: [newColumn('v'), newColumn('state_key')],
      deliveries: [
        deliveryOf(`${stateId}/1`, rows.slice(0, 3), { keys: ['k-a', 'k-b', 'k-c'] }),
        deliveryOf(`${stateId}/2`, rows.slice(3), { keys: ['k-d', 'k-e', 'k-f'] }),
      ],
      dedupe: false,
    });
    const cells = `column_id in (select id from state_column where state_id = '${stateId}')`;
    // Position 1 is lost, 2 lost its mapping, one mapping row stands where another belongs, and the count is behind.
    await database.pool.query(`delete from state_column_data where ${cells} and data_index = 1`);
    await database.pool.query(
      `delete from state_column_data_mapping where state_id = '${stateId}' and data_index in (1, 2)`,
    );
    await database.pool.query(`insert into state_column_data_mapping values ('${stateId}', 'k-e', 3)`);
    await database.pool.query(`update state set count = 4 where id = '${stateId}'`);
  };

  it('G-18: reports drift, cells beyond the count, gaps and missing mappings first, and changes nothing', async () => {
    await damage('dry');
    const before = await readStored(database.pool, 'dry');
    const { report, actions, applied } = await repairState(database.pool, 'dry', { apply: false });
    expect(report).toEqual({
      stateId: 'dry',
      count: 4,
      nextPosition: 6,
      positionsBeyondCount: 2,
      gaps: [{ from: 1, to: 1 }],
      gapPositions: 1,
      missingMappings: 1,
      strayMappings: 1,
      lost: [],
      lostRows: 0,
    });
    expect(actions).toEqual([
      { action: 'close_gaps', positions: 1 },
      { action: 'insert_mappings', rows: 1 },
      { action: 'set_count', from: 4, to: 5 },
    ]);
    expect(applied).toBe(false);
    expect(await readStored(database.pool, 'dry')).toEqual(before);
  });

  it('a row that a writer without a lock overwrote is known by its mapping row alone', async () => {
    await damage('overwritten');
    await database.pool.query(`insert into state_column_data_mapping values ('overwritten', 'gone', 4)`);
    const { report } = await repairState(database.pool, 'overwritten', { apply: true });
    expect(report).toMatchObject({ strayMappings: 2, lostRows: 1, lost: [{ stateKey: 'gone', position: 4 }] });
    const after = await repairState(database.pool, 'overwritten', { apply: true });
    expect(after).toMatchObject({ actions: [], report: { lostRows: 1 } });
  });

  it('mends them: rows contiguous from 0 in their order, every key mapped, ledger and count in step', async () => {
    await damage('mend');
    await repairState(database.pool, 'mend', { apply: true });
    const stored = await readStored(database.pool, 'mend');
    expect(stored.count).toBe(5);
    expect([...stored.rows]).toEqual(
      ['a', 'c', 'd', 'e', 'f'].map((name, index) => [index, { v: name, state_key: `k-${name}` }]),
    );
    expect(stored.mapping).toEqual(
      expect.arrayContaining(['a', 'c', 'd', 'e', 'f'].map((name, index) => ({ key: `k-${name}`, index }))),
    );
    expect((await readLedger(database.pool, ['mend/2'])).get('mend/2')?.startIndex).toBe(2);
    const again = await repairState(database.pool, 'mend', { apply: true });
    expect(again.actions).toEqual([]);
    const next = await append(database.pool, {
      stateId: 'mend',
      columns: [newColumn('v')],
      deliveries: [deliveryOf('mend/3', [['g']])],
      dedupe: false,
    });
    expect(next.deliveries[0]?.startIndex).toBe(5);
  });

  it('G-33: misses no mapping of a key that is no text, if its column tells', async () => {
    const state = async (
      stateId: string,
      dataType: string,
      cells: readonly string[],
      keys: readonly (string | null)[],
    ) => {
      await insertState(database.pool, stateId);
      await append(database.pool, {
        stateId,
        columns: [newColumn('state_key', dataType)],
        deliveries: [
          deliveryOf(
            `${stateId}/1`,
            cells.map((cell) => [cell]),
            { keys },
          ),
        ],
        dedupe: false,
      });
      const { report, actions } = await repairState(database.pool, stateId, { apply: true });
      expect(report).toMatchObject({ missingMappings: 0, strayMappings: 0 });
      expect(actions).toEqual([]);
    };
    await state('keys-int', 'int', ['5', '-7', 'k', '8'], [null, null, 'k', '8']);
    await state('keys-float', 'float', ['5.5', '1e+16', 'nan', 'k'], [null, null, null, 'k']);
    await state('keys-bool', 'bool', ['True', 'False', 'k'], [null, null, 'k']);
    await state('keys-json', 'json', ['{"a": 1}', '5', '"k"'], [null, null, 'k']);
    await database.pool.query(`delete from state_column_data_mapping where state_id = 'keys-int' and state_key = 'k'`);
    const { report } = await repairState(database.pool, 'keys-int', { apply: false });
    expect(report.missingMappings).toBe(1);
  });

  it('can leave the gaps as they are', async () => {
    await damage('gaps');
    const { actions } = await repairState(database.pool, 'gaps', { apply: true, closeGaps: false });
    expect(actions.map(({ action }) => action)).toEqual(['insert_mappings', 'set_count']);
    const stored = await readStored(database.pool, 'gaps');
    expect([stored.count, [...stored.rows.keys()]]).toEqual([6, [0, 2, 3, 4, 5]]);
  });

  it('lets appends wait instead of showing them a half mended state', async () => {
    await damage('meanwhile');
    const columns = [newColumn('v')];
    const appends = Array.from({ length: 8 }, (_, turn) =>
      append(database.pool, {
        stateId: 'meanwhile',
        columns,
        deliveries: [deliveryOf(`meanwhile/x${turn}`, [['x']])],
        dedupe: false,
      }),
    );
    await Promise.all([...appends, repairState(database.pool, 'meanwhile', { apply: true })]);
    await repairState(database.pool, 'meanwhile', { apply: true });
    const stored = await readStored(database.pool, 'meanwhile');
    expect(stored.count).toBe(13);
    expect([...stored.rows.keys()]).toEqual(Array.from({ length: 13 }, (_, index) => index));
  });

  it('finds the states whose count is not where their cells end', async () => {
    await damage('found');
    await insertState(database.pool, 'fresh');
    await database.pool.query(`insert into state (id, count) values ('hollow', 3)`);
    const drifted = await findDriftedStates(database.pool, { limit: 100 });
    expect(drifted).toEqual(
      expect.arrayContaining([
        { stateId: 'found', count: 4, nextPosition: 6 },
        { stateId: 'hollow', count: 3, nextPosition: 0 },
      ]),
    );
    expect(drifted.map(({ stateId }) => stateId)).not.toContain('fresh');
    expect(await findDriftedStates(database.pool, { limit: 1, afterId: 'found' })).toHaveLength(1);
  });

  it('says so if there is no such state', async () => {
    for (const apply of [true, false]) {
      await expect(repairState(database.pool, 'nowhere', { apply })).rejects.toMatchObject({ code: 'unknown_state' });
    }
  });
});
