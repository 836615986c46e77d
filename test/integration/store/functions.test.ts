import { describe, expect, it } from 'vitest';
import { directMessage, routeMessage, useFunctions } from '../../support/function-suite.ts';
import { createState, readCount, readRows } from '../../support/state-fixture.ts';

const suite = useFunctions();

describe('storing rows', () => {
  it('G-1: a direct message is stored in the state that it names', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const outcomes = await direct.post([directMessage(stateId, [{ 'First Name': 'Ada', n: 1 }, { n: 2 }])]);
    expect(outcomes).toMatchObject([{ outcome: 'ack' }]);
    expect(await readRows(database.pool, stateId)).toEqual([
      { first_name: 'Ada', n: '1' },
      { first_name: null, n: '2' },
    ]);
    expect(await readCount(database.pool, stateId)).toBe(2);
  });

  it('a delivery that comes again is acknowledged and stores nothing', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const message = { id: 'again/1', body: directMessage(stateId, [{ a: 1 }]) };
    expect(await direct.post([message])).toMatchObject([{ outcome: 'ack' }]);
    expect(await direct.post([message])).toMatchObject([{ outcome: 'ack' }]);
    expect(await readCount(database.pool, stateId)).toBe(1);
  });

  it('G-3: one bad message in a batch costs that message only', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const outcomes = await direct.post([
      directMessage(stateId, [{ a: 1 }]),
      directMessage(stateId, [{ a: 2 }, 'not an object']),
      directMessage(stateId, [{ a: 'nul \u0000' }]),
      '{"type": "query_state_direct"',
      directMessage(stateId, [{ a: 3 }]),
    ]);
    const codes = outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.outcome)).sort();
    expect(codes).toEqual(['ack', 'ack', 'invalid_json', 'invalid_query_state', 'unstorable_text']);
    expect(await readRows(database.pool, stateId)).toEqual([{ a: '1' }, { a: '3' }]);
  });

  it('G-25: a null id is refused, an unknown one is tried again', async () => {
    const { route } = suite;
    const outcomes = await route.post([
      JSON.stringify({ type: 'query_state_route', route_id: null, query_state: [{ a: 1 }] }),
      routeMessage('no-such-route', [{ a: 1 }]),
    ]);
    expect(outcomes.map((outcome) => ('code' in outcome ? [outcome.outcome, outcome.code] : []))).toEqual([
      ['reject', 'missing_route_id'],
      ['retry', 'unknown_route'],
    ]);
  });

  it('rows of a route are stored in the state behind it, with key, constant and expression', async () => {
    const { database, route } = suite;
    const { stateId, outputRouteId } = await createState(database.pool, {
      primaryKey: ['order_id'],
      columns: [
        { name: 'source', value: 'web' },
        { name: 'twice', value: 'query_state["qty"] * 2', callable: true },
      ],
    });
    const outcomes = await route.post([routeMessage(outputRouteId, [{ 'Order ID': 7, Qty: 21 }])]);
    expect(outcomes).toMatchObject([{ outcome: 'ack' }]);
    expect(await readRows(database.pool, stateId)).toMatchObject([
      { source: 'web', twice: '42', order_id: '7', qty: '21', state_key: '0ed7e05c-8bd1-1d3b-c319-c211100662b4' },
    ]);
  });
});

describe('passing rows on', () => {
  const afterSave = {
    persistence: { mode: 'individual_rows' },
    routing: { mode: 'after_save', dispatch: 'individual' },
  };

  it('G-11, G-24: the stored rows go to every route behind the state once, with context and input route', async () => {
    const { database, route, forwarded } = suite;
    const fixture = await createState(database.pool, { properties: afterSave, processorsBehind: 2 });
    const message = {
      id: 'forward/1',
      body: routeMessage(fixture.outputRouteId, [{ 'Big Name': 1.5 }, { 'Big Name': 2 }], {
        context: { user_id: 'u' },
        input_route_id: 'r0',
      }),
    };
    for (let delivery = 0; delivery < 3; delivery += 1) {
      expect(await route.post([message])).toMatchObject([{ outcome: 'ack' }]);
    }
    for (const routeId of fixture.inputRouteIds) {
      expect(await forwarded(routeId)).toEqual(
        ['1.5', '2'].map(
          (value) =>
            `{"type": "query_state_entry", "route_id": "${routeId}", "query_state": [{"big_name": ${value}}], ` +
            '"input_route_id": "r0", "context": {"user_id": "u"}}',
        ),
      );
    }
  });

  it('G-21: an invalid routing value is found before anything is stored', async () => {
    const { database, route } = suite;
    const { stateId, outputRouteId } = await createState(database.pool, {
      properties: { routing: { mode: 'sometimes' } },
    });
    expect(await route.post([routeMessage(outputRouteId, [{ a: 1 }])])).toMatchObject([
      { outcome: 'reject', code: 'invalid_properties' },
    ]);
    expect(await readCount(database.pool, stateId)).toBe(0);
  });

  it('a redelivery sends what a crash left unsent, and nothing when the ledger knows that all was sent', async () => {
    const { database, client, route, forwarded } = suite;
    const fixture = await createState(database.pool, { properties: afterSave, processorsBehind: 1 });
    const message = { id: 'crash/1', body: routeMessage(fixture.outputRouteId, [{ a: 1 }]) };
    await route.post([message]);
    const [routeId] = fixture.inputRouteIds;
    expect(await forwarded(routeId!)).toHaveLength(1);
    // As after a crash between the commit and the first forward, when the server has forgotten the message's id too.
    await database.pool.query('update state_sync.ledger set forwarded = false where message_id = $1', ['crash/1']);
    await (await client.jetstreamManager()).streams.delete('processor_state_router');
    await route.post([message]);
    expect(await forwarded(routeId!)).toHaveLength(1);
    // Whatever is published is seen here, also what the stream would take for a duplicate.
    const published = client.subscribe('processor.state.router');
    await client.flush();
    await route.post([message]);
    await client.flush();
    expect(published.getReceived()).toBe(0);
    published.unsubscribe();
    expect(await readCount(database.pool, fixture.stateId)).toBe(1);
  });
});

describe('a state that was edited after a message was stored', () => {
  const refusing = { routing: { mode: 'sometimes' } };
  const edit = (stateId: string, properties: unknown) =>
    suite.database.pool.query('update state set properties = $2::jsonb where id = $1', [
      stateId,
      JSON.stringify(properties),
    ]);

  it('does not make a stored message a refused one', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const message = { id: 'edited/1', body: directMessage(stateId, [{ a: 1 }]) };
    await direct.post([message]);
    await edit(stateId, refusing);
    expect(await direct.post([message, { id: 'edited/2', body: directMessage(stateId, [{ a: 2 }]) }])).toMatchObject([
      { id: 'edited/1', outcome: 'ack' },
      { id: 'edited/2', outcome: 'reject', code: 'invalid_properties' },
    ]);
  });

  it('refuses what is stored and not passed on with that reason, and passes it on once it is in order', async () => {
    const { database, route, forwarded } = suite;
    const afterSave = { routing: { mode: 'after_save', dispatch: 'individual' } };
    const { stateId, outputRouteId, inputRouteIds } = await createState(database.pool, {
      properties: afterSave,
      processorsBehind: 1,
    });
    const message = { id: 'edited/3', body: routeMessage(outputRouteId, [{ a: 1 }]) };
    await route.post([message]);
    // As after a crash between the commit and the first forward.
    await database.pool.query('update state_sync.ledger set forwarded = false where message_id = $1', ['edited/3']);
    await (await suite.client.jetstreamManager()).streams.delete('processor_state_router');
    await edit(stateId, refusing);
    const [refused] = await route.post([message]);
    expect(refused).toMatchObject({ outcome: 'reject', code: 'invalid_properties' });
    expect(refused).toHaveProperty('reason', expect.stringMatching(/^stored, but not passed on: /));
    await edit(stateId, afterSave);
    expect(await route.post([message])).toMatchObject([{ outcome: 'ack' }]);
    expect(await forwarded(inputRouteIds[0]!)).toHaveLength(1);
    expect(await readCount(database.pool, stateId)).toBe(1);
  });
});

describe('single messages over HTTP', () => {
  it('are answered by status: stored, refused for good, try again', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    const replies = await Promise.all(
      [
        directMessage(stateId, [{ a: 1 }]),
        'not json',
        directMessage(stateId, []),
        directMessage('nowhere', [{ a: 1 }]),
      ].map((body) => direct.postBare(body)),
    );
    expect(replies.map(({ status }) => status)).toEqual([200, 400, 422, 503]);
    expect(replies[3]?.headers?.['retry-after']).toBe('1');
  });

  it('with an idempotency key are stored once', async () => {
    const { database, direct } = suite;
    const { stateId } = await createState(database.pool);
    for (let call = 0; call < 3; call += 1) {
      await direct.postBare(directMessage(stateId, [{ a: 1 }]), { 'idempotency-key': `key-${stateId}` });
    }
    expect(await readCount(database.pool, stateId)).toBe(1);
  });
});
