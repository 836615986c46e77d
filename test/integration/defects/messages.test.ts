import { describe, expect, it } from 'vitest';
import { createPool } from '../../../shared/postgres/pool.ts';
import { until } from '../../support/until.ts';
import { directMessage, routeMessage, said, useFunctions } from '../../support/function-suite.ts';
import { createState, readCount, readRows } from '../../support/state-fixture.ts';

const suite = useFunctions();

describe('defects of the reference in reading messages', () => {
  it('G-26, G-45: tiny, huge and endless messages are refused, each with its code, and cost no neighbour', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const own = (member: string): string =>
      `{"type":"query_state_direct","state_id":"${stateId}","query_state":[{"a":${member}}]}`;
    const cases: readonly (readonly [body: string, said: string])[] = [
      ['5', 'reject invalid_envelope'],
      ['null', 'reject invalid_envelope'],
      ['[]', 'reject invalid_envelope'],
      ['', 'reject invalid_json'],
      ['not json', 'reject invalid_json'],
      ['{}', 'reject missing_type'],
      [own('9'.repeat(4_301)), 'reject invalid_json'],
      [own('['.repeat(50_000) + ']'.repeat(50_000)), 'reject nesting_too_deep'],
      [own('9'.repeat(4_300)), 'ack'],
    ];
    const outcomes = await direct.post(cases.map(([body], index) => ({ id: `tiny/${index}`, body })));
    const byId = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
    expect(cases.map((_, index) => said([byId.get(`tiny/${index}`)!])[0])).toEqual(cases.map(([, code]) => code));
    expect(await readCount(database.pool, stateId)).toBe(1);
  });

  it('G-35: the type of a message decides what it is, not the ids that it carries', async () => {
    const { database, direct, route } = suite;
    const named = await createState(database.pool);
    const other = await createState(database.pool);
    const message = directMessage(named.stateId, [{ a: 1 }], { route_id: other.outputRouteId });
    expect(said(await direct.post([message]))).toEqual(['ack']);
    expect(said(await route.post([message]))).toEqual(['reject wrong_function']);
    expect(await readCount(database.pool, named.stateId)).toBe(1);
    expect(await readCount(database.pool, other.stateId)).toBe(0);
  });

  it('G-36: messages that wait together for one state are stored by one transaction, in order', async () => {
    const { database, direct } = suite;
    const states = [await createState(database.pool), await createState(database.pool)];
    const messages = Array.from({ length: 200 }, (_, n) => directMessage(states[n % 2]!.stateId, [{ n }]));
    expect(new Set(said(await direct.post(messages)))).toEqual(new Set(['ack']));
    for (const [index, { stateId }] of states.entries()) {
      const rows = await readRows(database.pool, stateId);
      expect(rows.map(({ n }) => Number(n))).toEqual(Array.from({ length: 100 }, (_, n) => n * 2 + index));
      const [transactions] = await database.pool.query(
        `select count(distinct d.xmin::text)::int as count from state_column_data d join state_column c on c.id = d.column_id
          where c.state_id = $1`,
        [stateId],
      );
      expect(transactions).toEqual({ count: 1 });
    }
  });

  it('G-37: an append reads none of the cells that its state has already', async () => {
    const { database, start } = suite;
    const { stateId } = await createState(database.pool);
    const rows = Array.from({ length: 500 }, (_, n) => ({ n }));
    // The server tells what a connection did soon after it has ended.
    const counters = async (): Promise<{ readonly read: number; readonly written: number }> => {
      const [row] = await database.pool.query<{ read: number; written: number }>(
        `select (seq_tup_read + idx_tup_fetch)::int as read, n_tup_ins::int as written
           from pg_stat_user_tables where relname = 'state_column_data'`,
      );
      return row!;
    };
    const readBy = async (work: () => Promise<void>): Promise<number> => {
      const before = await counters();
      await work();
      let after = before;
      await until('the counters to move', async () => {
        after = await counters();
        return after.read > before.read || after.written > before.written;
      });
      return after.read - before.read;
    };
    const append = (message: string) => async (): Promise<void> => {
      const own = await start('state-direct', {});
      expect(said(await own.post([message]))).toEqual(['ack']);
      await own.close();
    };
    const look = async (): Promise<void> => {
      const pool = createPool(database.url, { max: 1 });
      await readRows(pool, stateId);
      await pool.end();
    };
    expect(await readBy(append(directMessage(stateId, rows)))).toBeLessThan(10);
    expect(await readBy(append(directMessage(stateId, [{ n: 1, new: 2 }])))).toBeLessThan(10);
    // The measure is one: whoever reads the rows is seen.
    expect(await readBy(look)).toBeGreaterThanOrEqual(500);
    expect(await readCount(database.pool, stateId)).toBe(501);
  });

  it('G-43: an expression that would never end is refused in time, and its neighbours are stored', async () => {
    const { database, direct } = suite;
    const good = await createState(database.pool);
    for (const value of ['10**10**10', '[x for x in range(10**9)]', "'x' * 10**10", 'sum(range(10**12))']) {
      const bad = await createState(database.pool, { columns: [{ name: 'e', value, callable: true }] });
      const startedMs = performance.now();
      const outcomes = await direct.post([
        directMessage(bad.stateId, [{ a: 1 }]),
        directMessage(good.stateId, [{ a: 1 }]),
      ]);
      expect(said(outcomes).toSorted()).toEqual([
        'ack',
        expect.stringMatching(/^reject (expression_limit|invalid_expression)$/),
      ]);
      expect(performance.now() - startedMs).toBeLessThan(2_000);
      expect(await readCount(database.pool, bad.stateId)).toBe(0);
    }
    expect(await readCount(database.pool, good.stateId)).toBe(4);
  });

  it('G-46: text that no database can hold costs its own message only', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const bodies = ['"a": "\\u0000"', '"a": "\\ud800"', `"${'n'.repeat(256)}": 1`, '"a": "fine"'].map(
      (member) => `{"type":"query_state_direct","state_id":"${stateId}","query_state":[{${member}}]}`,
    );
    expect(said(await direct.post(bodies)).toSorted()).toEqual([
      'ack',
      'reject column_name_too_long',
      'reject unstorable_text',
      'reject unstorable_text',
    ]);
    expect(await readRows(database.pool, stateId)).toEqual([{ a: 'fine' }]);
  });
});

describe('defects of the reference when its surroundings are away', () => {
  it('G-41: a function that starts before its message server stores, and says that it cannot pass on yet', async () => {
    const { database, start } = suite;
    const early = await start('state-route', { natsUrl: 'nats://127.0.0.1:1' });
    const plain = await createState(database.pool);
    const passing = await createState(database.pool, {
      properties: { routing: { mode: 'after_save' } },
      processorsBehind: 1,
    });
    expect(said(await early.post([routeMessage(plain.outputRouteId, [{ a: 1 }])]))).toEqual(['ack']);
    expect(said(await early.post([routeMessage(passing.outputRouteId, [{ a: 1 }])]))).toEqual([
      'retry nats_unavailable',
    ]);
  });

  it('G-41: a function that starts before its database asks for another try until it is there', async () => {
    const { database, start } = suite;
    const url = new URL(database.url);
    url.port = '1';
    const early = await start('state-direct', { databaseUrl: url.href });
    expect(said(await early.post([directMessage('s', [{ a: 1 }])]))).toEqual(['retry database_unavailable']);
  });
});
