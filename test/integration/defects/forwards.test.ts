import { describe, expect, it } from 'vitest';
import { routeMessage, said, useFunctions } from '../../support/function-suite.ts';
import { readStreamTexts } from '../../support/read-stream-texts.ts';
import { createState, readCount } from '../../support/state-fixture.ts';
import { until } from '../../support/until.ts';

const routing = `messageConfig:
  routes:
    - { selector: processor/state/sync, name: processor_state_sync, url: nats://127.0.0.1, subject: processor.state.sync }
    - { selector: processor/state/router, name: processor_state_router, url: nats://127.0.0.1, subject: processor.state.router }
    - { selector: processor/monitor, name: processor_monitor, url: nats://127.0.0.1, subject: processor.monitor }
    - { selector: test/*, name: test_any, url: nats://127.0.0.1, subject: test.any }
    - { selector: test/processors/*, name: test_processors, url: nats://127.0.0.1, subject: test.processors, concurrent_enabled: true, concurrent_priority_enabled: true }
`;

const suite = useFunctions({ routing });
const afterSave = { routing: { mode: 'after_save' } };

const rowsOf = (text: string): readonly unknown[] =>
  (JSON.parse(text) as { readonly query_state: readonly unknown[] }).query_state;

/** Messages of a stream with their subjects. */
const subjectsOf = async (stream: string, part: string): Promise<readonly string[]> => {
  const manager = await suite.client.jetstreamManager();
  const { state } = await manager.streams.info(stream);
  const subjects: string[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(stream, { seq });
    if (new TextDecoder().decode(message.data).includes(part)) subjects.push(message.subject);
  }
  return subjects;
};

describe('defects of the reference in passing rows on', () => {
  it.each([{}, { dispatch: null }, { dispatch: '' }, { dispatch: 'batch' }])(
    'G-20: with %j all rows of a message travel together',
    async (more) => {
      const { database, route, forwarded } = suite;
      const fixture = await createState(database.pool, {
        properties: { routing: { mode: 'after_save', ...more } },
        processorsBehind: 1,
      });
      await route.post([routeMessage(fixture.outputRouteId, [{ a: 1 }, { a: 2 }])]);
      expect((await forwarded(fixture.inputRouteIds[0]!)).map(rowsOf)).toEqual([[{ a: 1 }, { a: 2 }]]);
    },
  );

  it.each([null, {}, { routing: { mode: 'disabled' } }, { routing: { mode: 'immediate' } }])(
    'G-12: the store passes nothing on with %j, where a processor may do so itself',
    async (properties) => {
      const { database, route, forwarded } = suite;
      const fixture = await createState(database.pool, { properties, processorsBehind: 1 });
      expect(said(await route.post([routeMessage(fixture.outputRouteId, [{ a: 1 }])]))).toEqual(['ack']);
      expect(await forwarded(fixture.inputRouteIds[0]!)).toEqual([]);
    },
  );

  it('G-47: forwards are split below the server’s limit, every row once and in order', async () => {
    const { database, route, forwarded } = suite;
    const fixture = await createState(database.pool, {
      properties: { persistence: { mode: 'individual_rows' }, ...afterSave },
      processorsBehind: 1,
    });
    const entry = { wide: 'x'.repeat(20_000), items: Array.from({ length: 200 }, (_, n) => ({ n })) };
    expect(said(await route.post([routeMessage(fixture.outputRouteId, [entry])]))).toEqual(['ack']);
    const texts = await forwarded(fixture.inputRouteIds[0]!);
    expect(texts.length).toBeGreaterThan(3);
    expect(Math.max(...texts.map((text) => text.length))).toBeLessThanOrEqual(1_048_576);
    expect(texts.flatMap(rowsOf).map((row) => (row as { items_n: number }).items_n)).toEqual(
      Array.from({ length: 200 }, (_, n) => n),
    );
  });

  it('G-23: a forward that the server does not take fails its message, which is stored once and sent later', async () => {
    const { database, route, client, forwarded } = suite;
    const fixture = await createState(database.pool, { properties: afterSave, processorsBehind: 1 });
    const manager = await client.jetstreamManager();
    await manager.streams.purge('processor_state_router');
    await client.jetstream().publish('processor.state.router', 'fills it');
    await manager.streams.update('processor_state_router', { max_msgs: 1, discard: 'new' as never });
    const message = { id: 'full/1', body: routeMessage(fixture.outputRouteId, [{ a: 1 }]) };
    expect(said(await route.post([message]))).toEqual(['retry publish_failed']);
    expect(await readCount(database.pool, fixture.stateId)).toBe(1);
    await manager.streams.update('processor_state_router', { max_msgs: -1, discard: 'old' as never });
    expect(said(await route.post([message]))).toEqual(['ack']);
    expect(await readCount(database.pool, fixture.stateId)).toBe(1);
    expect((await forwarded(fixture.inputRouteIds[0]!)).map(rowsOf)).toEqual([[{ a: 1 }]]);
  });

  it('G-47: a forward over the stream’s own limit is refused with that reason, and passed on once it is raised', async () => {
    const { database, route, client, forwarded } = suite;
    const fixture = await createState(database.pool, { properties: afterSave, processorsBehind: 1 });
    const manager = await client.jetstreamManager();
    // The first one makes the stream.
    await route.post([routeMessage(fixture.outputRouteId, [{ a: 1 }])]);
    await manager.streams.update('processor_state_router', { max_msg_size: 100 });
    const message = { id: 'limited/1', body: routeMessage(fixture.outputRouteId, [{ a: 'x'.repeat(100) }]) };
    const [refused] = await route.post([message]);
    await manager.streams.update('processor_state_router', { max_msg_size: -1 });
    expect(refused).toMatchObject({ outcome: 'reject', code: 'forward_too_large' });
    const reason = /^stored, but not passed on: .*max_msg_size of the stream processor_state_router/;
    expect(refused).toHaveProperty('reason', expect.stringMatching(reason));
    // As the replay of its dead letter.
    expect(said(await route.post([message]))).toEqual(['ack']);
    expect(await readCount(database.pool, fixture.stateId)).toBe(2);
    expect(await forwarded(fixture.inputRouteIds[0]!)).toHaveLength(2);
  });

  it('G-23: a partition with spaces becomes a subject that can be published', async () => {
    const { database, entry } = suite;
    const { inputRouteIds } = await createState(database.pool, { processorsBehind: 1 });
    const [routeId] = inputRouteIds;
    await database.pool.query(`update processor set properties = '{"concurrencyMode": "user-id"}' where id = $1`, [
      routeId!.split(':')[1],
    ]);
    const context = { user_id: 'a user > b' };
    const message = { type: 'query_state_entry', route_id: routeId, context, query_state: [{ a: 1 }] };
    expect(said(await entry.post([JSON.stringify(message)]))).toEqual(['ack']);
    expect(await subjectsOf('test_processors', routeId!)).toEqual(['test.processors.low.a%20user%20>%20b']);
  });

  it('G-38: of two selectors that match a provider the longer one wins', async () => {
    const { database, entry, client } = suite;
    const { inputRouteIds } = await createState(database.pool, { processorsBehind: 1 });
    const message = { type: 'query_state_entry', route_id: inputRouteIds[0], query_state: [{ a: 1 }] };
    expect(said(await entry.post([JSON.stringify(message)]))).toEqual(['ack']);
    expect(await subjectsOf('test_processors', inputRouteIds[0]!)).toHaveLength(1);
    expect(await readStreamTexts(client, 'test_any')).toEqual([]);
  });

  it('G-39: a replay names its processor, and a provider without a route is tried again', async () => {
    const { database, route, entry, client } = suite;
    const { outputRouteId, inputRouteIds } = await createState(database.pool, { processorsBehind: 1 });
    const [routeId] = inputRouteIds;
    await route.post([routeMessage(outputRouteId, [{ a: 1 }])]);
    const replay = JSON.stringify({ type: 'query_state_route', route_id: routeId });
    expect(said(await entry.post([replay]))).toEqual(['ack']);
    const texts = (await readStreamTexts(client, 'test_processors')).filter((text) => text.includes(routeId!));
    expect(texts.map((text) => JSON.parse(text))).toMatchObject([
      { type: 'query_state', route_id: routeId, processor_id: routeId!.split(':')[1], query_state: [{ a: '1' }] },
    ]);
    await database.pool.query(
      `insert into processor_provider (id, name, version, class_name) values ('none/such', 'n', '1', 'T') on conflict do nothing`,
    );
    await database.pool.query(`update processor set provider_id = 'none/such' where id = $1`, [routeId!.split(':')[1]]);
    expect(said(await entry.post([replay]))).toEqual(['retry unknown_selector']);
  });

  it('a replay has every column of every row that it counts, also of one that is stored meanwhile', async () => {
    const { database, route, entry, client } = suite;
    const { stateId, outputRouteId, inputRouteIds } = await createState(database.pool, { processorsBehind: 1 });
    const [routeId] = inputRouteIds;
    await route.post([routeMessage(outputRouteId, [{ a: 1 }])]);
    const replay = await database.pool.transaction(async (connection) => {
      // The replay stands still where it comes to the cells; what it has read before it cannot be of this transaction.
      await connection.query('lock table state_column_data in access exclusive mode');
      const running = entry.post([JSON.stringify({ type: 'query_state_route', route_id: routeId })]);
      await until('the replay waits', async () => {
        const waiting = await database.pool.query(`select from pg_locks where not granted`);
        return waiting.length > 0;
      });
      await connection.query(
        `with columns as (insert into state_column (state_id, name, data_type) values ($1, 'b', 'str') returning id),
              counted as (update state set count = 2 where id = $1)
         insert into state_column_data (column_id, data_index, data_value) select id, 1, 'new' from columns`,
        [stateId],
      );
      return { running };
    });
    expect(said(await replay.running)).toEqual(['ack']);
    const texts = (await readStreamTexts(client, 'test_processors')).filter((text) => text.includes(routeId!));
    expect(texts.flatMap(rowsOf)).toMatchObject([{ a: '1' }, { b: 'new' }]);
  });

  it('G-25: null ids are refused, and no status without a route is sent', async () => {
    const { database, entry, client } = suite;
    const { inputRouteIds } = await createState(database.pool, { processorsBehind: 1 });
    const rows = [{ a: 'of no route' }];
    const processorId = inputRouteIds[0]!.split(':')[1];
    expect(
      said(
        await entry.post([
          JSON.stringify({ type: 'query_state_entry', route_id: null, query_state: rows }),
          JSON.stringify({ type: 'query_processor_entry', processor_id: null, query_state: rows }),
          JSON.stringify({ type: 'query_state_route', route_id: null }),
          JSON.stringify({ type: 'query_processor_entry', processor_id: processorId, query_state: rows }),
        ]),
      ),
    ).toEqual(['reject missing_route_id', 'reject missing_processor_id', 'reject missing_route_id', 'ack']);
    expect(
      (await readStreamTexts(client, 'processor_monitor')).filter((text) => /"route_id": null/.test(text)),
    ).toEqual([]);
    expect(
      (await readStreamTexts(client, 'test_processors')).filter((text) => text.includes('of no route')),
    ).toHaveLength(1);
  });
});
