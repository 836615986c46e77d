import { array, assert, boolean, constantFrom, integer, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonFloat, type JsonObject, type JsonValue } from '../../../shared/json/json-value.ts';
import type { OutgoingMessage } from '../../../shared/message/outgoing-message.ts';
import { readStateProperties } from '../../../shared/state/state-properties.ts';
import type { Row } from '../../../shared/state/state-model.ts';
import { planForwards, type ForwardInput } from '../../support/at-once.ts';
import { routeConfig, withPriority } from '../../support/route-config.ts';

const routerRoute = routeConfig('processor/state/router', 'processor.state.router');
const row = (members: Readonly<Record<string, JsonValue>>): Row => new Map(Object.entries(members));
const text = ({ payload }: OutgoingMessage): string => new TextDecoder().decode(payload);

const plan = (changes: Partial<ForwardInput> & { message?: JsonObject }): readonly OutgoingMessage[] =>
  planForwards({
    delivery: { id: 'D', message: changes.message ?? { type: 'query_state_route', route_id: 'P:S' } },
    rows: [row({ a: 1 }), row({ a: 2 })],
    dispatch: 'batch',
    forwardRoutes: [{ id: 'S:F' }],
    routerRoute,
    maxPayloadBytes: 1_048_576,
    ...changes,
  });

describe('what a state says of forwarding', () => {
  it.each<[JsonObject | null, string, string]>([
    [null, 'disabled', 'batch'],
    [{}, 'disabled', 'batch'],
    [{ routing: null }, 'disabled', 'batch'],
    [{ routing: {} }, 'disabled', 'batch'],
    [{ routing: { mode: '' } }, 'disabled', 'batch'],
    [{ routing: { mode: 'immediate', dispatch: 'individual' } }, 'disabled', 'batch'],
    [{ routing: { mode: 'after_save' } }, 'after_save', 'batch'],
    [{ routing: { mode: 'after_save', dispatch: null } }, 'after_save', 'batch'],
    [{ routing: { mode: 'after_save', dispatch: '' } }, 'after_save', 'batch'],
    [{ routing: { mode: 'after_save', dispatch: 'individual' } }, 'after_save', 'individual'],
  ])('%j means %s, %s (G-20: missing, null and empty dispatch are batch)', (properties, mode, dispatch) => {
    expect(readStateProperties(properties).dispatch).toBe(mode === 'after_save' ? dispatch : null);
  });

  it.each<[JsonObject]>([
    [{ routing: { mode: 'After_Save' } }],
    [{ routing: { mode: 'after_save', dispatch: 'x' } }],
    [{ routing: [] }],
  ])('%j is refused before anything is stored (G-21)', (properties) => {
    expect(() => readStateProperties(properties)).toThrow(expect.objectContaining({ code: 'invalid_properties' }));
  });
});

describe('forwards', () => {
  it('are one message per route for batch, in the text of the reference', () => {
    const rows = [
      row({ 'order id': 7, total: new JsonFloat(100) }),
      row({ name: 'é😀', nothing: null, list: [1, 'x'] }),
    ];
    const messages = plan({ rows, forwardRoutes: [{ id: 'S:F' }, { id: 'S:G' }] });
    expect(messages.map(text)).toEqual([
      '{"type": "query_state_entry", "route_id": "S:F", "query_state": [{"order id": 7, "total": 100.0}, {"name": "\\u00e9\\ud83d\\ude00", "nothing": null, "list": [1, "x"]}]}',
      '{"type": "query_state_entry", "route_id": "S:G", "query_state": [{"order id": 7, "total": 100.0}, {"name": "\\u00e9\\ud83d\\ude00", "nothing": null, "list": [1, "x"]}]}',
    ]);
    expect(messages.map(({ stream, baseSubject, subject, id }) => [stream, baseSubject, subject, id])).toEqual([
      ['processor_state_router', 'processor.state.router', 'processor.state.router', 'D/S:F/0-1'],
      ['processor_state_router', 'processor.state.router', 'processor.state.router', 'D/S:G/0-1'],
    ]);
  });

  it('are one message per row for individual: routes outer, rows inner', () => {
    const messages = plan({
      dispatch: 'individual',
      forwardRoutes: [{ id: 'S:F' }, { id: 'S:G' }],
    });
    expect(messages.map(({ id }) => id)).toEqual(['D/S:F/0-0', 'D/S:F/1-1', 'D/S:G/0-0', 'D/S:G/1-1']);
    expect(messages.map(text)).toEqual([
      '{"type": "query_state_entry", "route_id": "S:F", "query_state": [{"a": 1}]}',
      '{"type": "query_state_entry", "route_id": "S:F", "query_state": [{"a": 2}]}',
      '{"type": "query_state_entry", "route_id": "S:G", "query_state": [{"a": 1}]}',
      '{"type": "query_state_entry", "route_id": "S:G", "query_state": [{"a": 2}]}',
    ]);
  });

  it('carry input_route_id, context and priority along, after the rows (G-24)', () => {
    const message = { priority: 'high', context: { user_id: 'U' }, input_route_id: 'IN', other: 1 };
    expect(plan({ message, rows: [row({ a: 1 })] }).map(text)).toEqual([
      '{"type": "query_state_entry", "route_id": "S:F", "query_state": [{"a": 1}], "input_route_id": "IN", "context": {"user_id": "U"}, "priority": "high"}',
    ]);
  });

  it('leave out what is null in the incoming message', () => {
    const message = { input_route_id: null, context: null, priority: null };
    expect(plan({ message, rows: [row({ a: 1 })] }).map(text)).toEqual([
      '{"type": "query_state_entry", "route_id": "S:F", "query_state": [{"a": 1}]}',
    ]);
  });

  it('go to the subject of their priority if the router has priorities', () => {
    const priorityRouter = { ...routerRoute, ...withPriority };
    expect(plan({ routerRoute: priorityRouter, message: { priority: 'high' } })[0]).toMatchObject({
      baseSubject: 'processor.state.router',
      subject: 'processor.state.router.high',
    });
  });

  it.each([
    ['the mode is not after_save (G-12)', { dispatch: null }],
    ['there are no rows', { rows: [] }],
    ['there is no route behind the state', { forwardRoutes: [] }],
  ])('are none where %s', (_, changes) => {
    expect(plan(changes)).toEqual([]);
  });

  it('refuse a row that fits no message, so that nothing is stored (G-47)', () => {
    const rows = [row({ a: 1 }), row({ a: 'x'.repeat(5_000) })];
    expect(() => plan({ rows, maxPayloadBytes: 4_096 })).toThrow(
      expect.objectContaining({ name: 'TerminalError', code: 'forward_too_large' }),
    );
  });

  const carriedMessage = record({ context: record({ user_id: string() }), input_route_id: string({ minLength: 1 }) });

  const packing = record({ individual: boolean(), maxPayloadBytes: integer({ min: 4_096, max: 16_384 }) });

  it('leave out no row, however the rows were packed at the try before and however many of those the server has taken', () => {
    assert(
      property(
        array(string({ maxLength: 120 }), { minLength: 1, maxLength: 40 }),
        packing,
        packing,
        integer({ min: 0, max: 40 }),
        (values, before, after, taken) => {
          const rows = values.map((value, index) => row({ index, value }));
          const messagesOf = ({ individual, maxPayloadBytes }: typeof before) =>
            plan({ rows, maxPayloadBytes, dispatch: individual ? 'individual' : 'batch' });
          // The server drops what has an id that it knows.
          const stream = new Map<string, string>();
          for (const message of [...messagesOf(before).slice(0, taken), ...messagesOf(after)]) {
            if (!stream.has(message.id)) stream.set(message.id, text(message));
          }
          const arrived = [...stream.values()].flatMap(
            (body) => (JSON.parse(body) as { query_state: { index: number }[] }).query_state,
          );
          expect(new Set(arrived.map(({ index }) => index)).size).toBe(rows.length);
          // Packed the same way again, nothing comes twice.
          if (before.individual === after.individual && before.maxPayloadBytes === after.maxPayloadBytes)
            expect(arrived).toHaveLength(rows.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('hold every row once and in order, below the payload limit, the same every time (G-23, G-47)', () => {
    assert(
      property(
        array(string({ unit: 'binary', maxLength: 120 }), { minLength: 1, maxLength: 60 }),
        integer({ min: 4_096, max: 16_384 }),
        boolean(),
        carriedMessage,
        constantFrom(1, 3),
        (values, maxPayloadBytes, individual, message, routes) => {
          const rows = values.map((value, index) => row({ index, value }));
          const forwardRoutes = Array.from({ length: routes }, (_, index) => ({ id: `S:${index}` }));
          const dispatch = individual ? ('individual' as const) : ('batch' as const);
          const input = {
            rows,
            maxPayloadBytes,
            message,
            forwardRoutes,
            dispatch,
          };
          const messages = plan(input);
          expect(plan(input)).toEqual(messages);
          expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
          if (individual) expect(messages).toHaveLength(rows.length * routes);
          for (const { id } of forwardRoutes) {
            const own = messages.filter((each) => each.id.startsWith(`D/${id}/`));
            const bodies = own.map(
              (each) => JSON.parse(text(each)) as { query_state: { index: number; value: string }[] },
            );
            const forwarded = bodies.flatMap(({ query_state }) => query_state);
            expect(forwarded).toEqual(values.map((value, index) => ({ index, value })));
            for (const each of own) expect(each.payload.length + each.id.length + 500).toBeLessThan(maxPayloadBytes);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
