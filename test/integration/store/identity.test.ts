import { describe, expect, it } from 'vitest';
import { append } from '../../../shared/postgres/append.ts';
import { deliveryOf, insertState, newColumn, readStored } from '../../support/append-fixture.ts';
import { directMessage, routeMessage, said, useFunctions } from '../../support/function-suite.ts';
import { createState, readCount } from '../../support/state-fixture.ts';

const suite = useFunctions();

let ids = 0;
const nextId = (): string => `identity/${(ids += 1)}`;

const reused = /^the message's id was used before by another message \(content [0-9a-f]{8}.*\); this one is content/;

describe('an id that is used again', () => {
  it.each([
    ['with the same content is a duplicate', { same: true }],
    ['with other rows is refused', { rows: [{ a: 2 }] }],
    ['with the same rows in other bytes is refused', { spaced: true }],
    ['with other members beside the rows is refused', { more: { priority: 1 } }],
    ['for another state is refused', { otherState: true }],
    ['through a route into the same state is refused', { route: true }],
  ])('%s', async (_name, change: Record<string, unknown>) => {
    const { database, direct, route } = suite;
    const state = await createState(database.pool);
    const other = await createState(database.pool);
    const id = nextId();
    const first = directMessage(state.stateId, [{ a: 1 }]);
    const second =
      change['spaced'] === true
        ? first.replace(':', ': ')
        : change['route'] === true
          ? routeMessage(state.outputRouteId, [{ a: 1 }])
          : directMessage(
              change['otherState'] === true ? other.stateId : state.stateId,
              change['rows'] ?? [{ a: 1 }],
              change['more'] ?? {},
            );
    expect(said(await direct.post([{ id, body: first }]))).toEqual(['ack']);
    const again = await (change['route'] === true ? route : direct).post([{ id, body: second }]);
    if (change['same'] === true) expect(said(again)).toEqual(['ack']);
    else {
      expect(again).toMatchObject([{ outcome: 'reject', code: 'identity_reused' }]);
      expect((again[0] as { reason: string }).reason).toMatch(reused);
      expect((again[0] as { reason: string }).reason).toContain(`for state ${state.stateId}`);
    }
    expect([await readCount(database.pool, state.stateId), await readCount(database.pool, other.stateId)]).toEqual([
      1, 0,
    ]);
    // Whatever came between, the first message is still what the ledger knows.
    expect(said(await direct.post([{ id, body: first }]))).toEqual(['ack']);
  });

  it('says so also if the plan would refuse the second message for another reason', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const id = nextId();
    expect(said(await direct.post([{ id, body: directMessage(stateId, [{ a: 1 }]) }]))).toEqual(['ack']);
    const body = directMessage(stateId, [{ a: 'nul \u0000' }]);
    expect(said(await direct.post([{ id, body }]))).toEqual(['reject identity_reused']);
  });

  it('is refused within one batch too, and the first message is stored', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const id = nextId();
    const bodies = [1, 2].map((a) => ({ id, body: directMessage(stateId, [{ a }]) }));
    expect(said(await direct.post(bodies)).toSorted()).toEqual(['ack', 'reject identity_reused']);
    expect(await readCount(database.pool, stateId)).toBe(1);
  });

  it('a message that its route leads elsewhere since is still the same message', async () => {
    const { database, route } = suite;
    const [state, other] = [await createState(database.pool), await createState(database.pool)];
    const message = { id: nextId(), body: routeMessage(state.outputRouteId, [{ a: 1 }]) };
    expect(said(await route.post([message]))).toEqual(['ack']);
    await database.pool.query('update processor_state set state_id = $2 where id = $1', [
      state.outputRouteId,
      other.stateId,
    ]);
    expect(said(await route.post([message]))).toEqual(['ack']);
    expect(await readCount(database.pool, other.stateId)).toBe(0);
  });

  it('is refused by the function that stores nothing as well', async () => {
    const { database, entry, forwarded } = suite;
    const { inputRouteIds } = await createState(database.pool, { processorsBehind: 1 });
    const [routeId] = inputRouteIds;
    const message = (a: number): string =>
      JSON.stringify({ type: 'query_state_entry', route_id: routeId, query_state: [{ a }] });
    const id = nextId();
    expect(said(await entry.post([{ id, body: message(1) }]))).toEqual(['ack']);
    expect(said(await entry.post([{ id, body: message(2) }]))).toEqual(['reject identity_reused']);
    expect(said(await entry.post([{ id, body: message(1) }]))).toEqual(['ack']);
    expect(await forwarded(routeId!)).toEqual([]);
  });
});

describe('an id that neither database nor header holds', () => {
  it.each([
    ['NUL', 'a\0b'],
    ['a tab', 'a\tb'],
    ['a line end', 'a\r\nb'],
    ['DEL', 'a\u007f'],
    ['a space at its end', 'a '],
    ['3,000 characters', 'x'.repeat(3_000)],
  ])('because of %s costs neither itself nor its neighbours anything', async (_name, id) => {
    const { database, direct, entry } = suite;
    const { stateId, inputRouteIds } = await createState(database.pool, {
      properties: { routing: { mode: 'after_save' } },
      processorsBehind: 1,
    });
    const rows = { id, body: directMessage(stateId, [{ a: 1 }]) };
    const bad = { id: `${id}/bad`, body: directMessage(stateId, ['no object']) };
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const outcomes = said(await direct.post([rows, bad, directMessage(stateId, [{ a: 2 }])]));
      expect(outcomes.toSorted()).toEqual(['ack', 'ack', 'reject invalid_query_state']);
    }
    expect(await readCount(database.pool, stateId)).toBe(3);
    const passed = {
      id: `router/${id}`,
      body: JSON.stringify({ type: 'query_state_entry', route_id: inputRouteIds[0], query_state: [{}] }),
    };
    expect(said(await entry.post([passed, { ...passed, id: nextId() }]))).toEqual(['ack', 'ack']);
  });
});

describe('an append whose id the ledger knows', () => {
  const columns = [newColumn('a')];
  it.each([
    ['same content', 'x', 'x', 'duplicate'],
    ['other content', 'x', 'y', 'rejected'],
    ['content that was not kept then', null, 'y', 'duplicate'],
    ['content that is not known now', 'x', null, 'duplicate'],
  ])('%s', async (_name, before, now, status) => {
    const { pool } = suite.database;
    for (const dedupe of [false, true]) {
      for (const rows of [[['1']], []]) {
        const stateId = nextId();
        await insertState(pool, stateId);
        const id = `${stateId}/delivery`;
        const run = async (content: string | null) =>
          (
            await append(pool, {
              stateId,
              columns,
              deliveries: [deliveryOf(id, rows, { content }), deliveryOf(`${id}/${content}`, [['2']])],
              dedupe,
            })
          ).deliveries.map((delivery) => delivery.status);
        expect((await run(before))[0]).toBe('stored');
        expect(await run(now)).toEqual([status, before === now ? 'duplicate' : 'stored']);
        expect((await readStored(pool, stateId)).count).toBe(rows.length + (before === now ? 1 : 2));
      }
    }
  });

  it('twice in one request: the same is a duplicate, another is rejected', async () => {
    const { pool } = suite.database;
    const stateId = nextId();
    await insertState(pool, stateId);
    const deliveries = ['x', 'x', 'y'].map((content) => deliveryOf(`${stateId}/d`, [[content]], { content }));
    const result = await append(pool, { stateId, columns, deliveries, dedupe: false });
    expect(result.deliveries.map(({ status }) => status)).toEqual(['stored', 'duplicate', 'rejected']);
  });
});
