import { assert, constantFrom, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryContext, type ReplayLimits } from '../../../functions/state-entry/entry-ports.ts';
import { handleEntries } from '../../../functions/state-entry/handle-entries.ts';
import { messageCuts, pageStartOf, readEnd } from '../../../functions/state-entry/replay/replay-cuts.ts';
import {
  isJsonObject,
  memberOf,
  type JsonObject,
  type JsonValue,
  type PlainJsonObject,
} from '../../../shared/json/json-value.ts';
import { parseJson } from '../../../shared/json/parse-json.ts';
import type { Delivery } from '../../../shared/message/delivery.ts';
import type { Outcome } from '../../../shared/message/outcome.ts';
import {
  delivery,
  inputRoute,
  memoryEntryPorts,
  processor,
  textOf,
  type MemoryEntryPorts,
} from '../../support/entry-ports.ts';
import { routeConfig, routesOf, withPriority } from '../../support/route-config.ts';

const routes = routesOf(
  routeConfig('processor/monitor', 'processor.monitor'),
  routeConfig('processor/state/router', 'processor.state.router'),
  routeConfig('demo/echo', 'demo.echo'),
  routeConfig('demo/any/*', 'demo.any', withPriority),
);

const columns = [
  { name: 'n', dataType: 'int', displayOrder: 0, value: null, callable: false },
  { name: 'j', dataType: 'json', displayOrder: 1, value: null, callable: false },
];

const world = (rowCount: number, properties: JsonObject = {}, provider = 'demo/echo'): MemoryEntryPorts => {
  const ports = memoryEntryPorts(() => (expression, scope) => {
    const data = scope.get('data') as JsonValue;
    return expression === 'first' && isJsonObject(data) ? `k${memberOf(data, 'n') as string}` : null;
  });
  ports.routes.set('S:F', inputRoute('S:F', 'S', 'F'));
  ports.processors.set('F', processor('F', provider, properties));
  ports.states.set('S', { id: 'S', count: rowCount, columns });
  ports.cells.set(
    'S',
    Array.from({ length: rowCount }, (_, n) => [String(n), n % 2 === 0 ? `{"x": 1.0}` : null]),
  );
  return ports;
};

const replay = (members: PlainJsonObject = {}): Delivery =>
  delivery('D', 'query_state_route', { route_id: 'S:F', ...members });
const unbounded: ReplayLimits = { maxReplayRows: 1_000_000, maxReplayMs: 1_000_000 };

const handle = async (ports: MemoryEntryPorts, from: Delivery, limits = unbounded): Promise<Outcome> =>
  (await handleEntries(entryContext(ports, { routes }, limits), [from]))[0]!;

const toProcessor = (ports: MemoryEntryPorts) => ports.published.filter(({ stream }) => stream.startsWith('demo'));
const rowsOf = (ports: MemoryEntryPorts): Record<string, unknown>[] =>
  toProcessor(ports).flatMap(
    (each) => (JSON.parse(textOf(each)) as { query_state: Record<string, unknown>[] }).query_state,
  );

/** Follows the continuations to the end, as the connector would: each has the id that it was published with. */
const handleAll = async (ports: MemoryEntryPorts, first: Delivery, limits: ReplayLimits): Promise<number> => {
  const waiting = [first];
  let calls = 0;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const before = ports.published.length;
    expect(await handle(ports, next, limits)).toMatchObject({ outcome: 'ack' });
    calls += 1;
    for (const message of ports.published.slice(before)) {
      if (message.stream !== 'processor_state_router') continue;
      const envelope = parseJson(textOf(message)) as JsonObject;
      waiting.push({
        ...next,
        id: message.id,
        type: 'query_state_route',
        message: envelope,
        timestampMs: next.timestampMs + 1,
      });
    }
  }
  return calls;
};

describe('the replay of a state', () => {
  it('sends pages of maxBatchSize as messages of maxBatchLimit rows: text, parsed JSON, null, and the run (F.3)', async () => {
    const ports = world(5, { maxBatchSize: 3, maxBatchLimit: '2' });
    expect(await handle(ports, replay({ input_route_id: 'IN', context: { k: 1 }, query_state: 'ignored' }))).toEqual({
      id: 'D',
      outcome: 'ack',
    });
    const [status, first] = ports.published;
    expect(textOf(status!)).toBe(
      '{"type": "processor_state", "route_id": "S:F", "status": "ROUTED", "exception": null, "data": null}',
    );
    const { run_id: runId } = rowsOf(ports)[0]!;
    expect(runId).toMatch(/^[0-9a-f]{8}$/);
    const marks = `"run_id": "${String(runId)}", "run_created_at": "2026-01-02T03:04:05.678000+00:00"`;
    expect(textOf(first!)).toBe(
      `{"type": "query_state", "input_route_id": "IN", "context": {"k": 1}, "route_id": "S:F", "processor_id": "F", ` +
        `"query_state": [{"n": "0", "j": {"x": 1.0}, ${marks}}, {"n": "1", "j": null, ${marks}}]}`,
    );
    const sizes = toProcessor(ports).map(
      (each) => (JSON.parse(textOf(each)) as { query_state: unknown[] }).query_state.length,
    );
    expect(sizes).toEqual([2, 1, 2]);
    expect([...ports.handled]).toEqual(['D']);
  });

  it('of a state without rows is one message without rows', async () => {
    const ports = world(0);
    await handle(ports, replay());
    expect(toProcessor(ports).map(textOf)).toEqual([
      '{"type": "query_state", "input_route_id": null, "context": {}, "route_id": "S:F", "processor_id": "F", "query_state": []}',
    ]);
  });

  it('of a state without columns sends nothing', async () => {
    const ports = world(3);
    ports.states.set('S', { id: 'S', count: 3, columns: [] });
    expect(await handle(ports, replay())).toMatchObject({ outcome: 'ack' });
    expect(toProcessor(ports)).toEqual([]);
  });

  it('overwrites columns that are named like the marks of the run', async () => {
    const ports = world(1);
    ports.states.set('S', { id: 'S', count: 1, columns: [{ ...columns[0]!, name: 'run_id' }, columns[1]!] });
    await handle(ports, replay());
    expect(Object.keys(rowsOf(ports)[0]!)).toEqual(['run_id', 'j', 'run_created_at']);
    expect(rowsOf(ports)[0]!['run_id']).toMatch(/^[0-9a-f]{8}$/);
  });

  it('is the same messages with the same ids when it is delivered again, another run for another delivery', async () => {
    const [first, again, other] = [world(7), world(7), world(7)];
    await handle(first, replay());
    await handle(again, replay());
    await handle(other, { ...replay(), id: 'E' });
    expect(again.published).toEqual(first.published);
    expect(rowsOf(other)[0]!['run_id']).not.toBe(rowsOf(first)[0]!['run_id']);
    expect(new Set(first.published.map(({ id }) => id)).size).toBe(8);
  });

  it('publishes nothing if the ledger knows it', async () => {
    const ports = world(3);
    ports.handled.add('D');
    expect(await handle(ports, replay())).toEqual({ id: 'D', outcome: 'ack' });
    expect([ports.published, ports.reads]).toEqual([[], []]);
  });

  it('hands the rest on when its rows or its time are used up, in the envelope of the first message', async () => {
    const ports = world(500);
    await handle(ports, replay({ context: { user_id: 'U' }, priority: 'high' }), { ...unbounded, maxReplayRows: 200 });
    const last = ports.published.at(-1)!;
    const [row] = rowsOf(ports);
    expect(rowsOf(ports)).toHaveLength(200);
    expect(last).toMatchObject({ stream: 'processor_state_router', subject: 'processor.state.router' });
    expect(textOf(last)).toMatch(
      new RegExp(
        `^\\{"type": "query_state_route", "route_id": "S:F", "context": \\{"user_id": "U"\\}, "priority": "high", ` +
          `"continuation": \\{"replay_id": "${String(row!['run_id'])}[0-9a-f]{24}", "run_id": "${String(row!['run_id'])}", ` +
          `"run_created_at": "2026-01-02T03:04:05.678000\\+00:00", "offset": 200, "total": 500\\}\\}$`,
      ),
    );
    const slow = world(900);
    slow.readMs = 60;
    await handle(slow, replay(), { ...unbounded, maxReplayMs: 100 });
    expect(slow.reads).toHaveLength(2);
    expect(slow.published.at(-1)!.stream).toBe('processor_state_router');
  });

  it('is announced to the monitor once, not again by its continuations', async () => {
    const ports = world(50, { maxBatchSize: 10 });
    await handleAll(ports, replay(), { ...unbounded, maxReplayRows: 10 });
    expect(ports.published.filter(({ stream }) => stream === 'processor_monitor')).toHaveLength(1);
  });

  it('makes progress in every continuation, however little time there is', async () => {
    const ports = world(450);
    ports.readMs = 1_000;
    const calls = await handleAll(ports, replay(), { ...unbounded, maxReplayMs: 0 });
    expect(calls).toBe(6);
    expect(rowsOf(ports).map(({ n }) => n)).toEqual(Array.from({ length: 450 }, (_, n) => String(n)));
  });

  it('sends the rows that were there when it began', async () => {
    const ports = world(100, { maxBatchSize: 10 });
    const limits = { ...unbounded, maxReplayRows: 60 };
    await handle(ports, replay(), limits);
    const { message } = replay(parseJson(textOf(ports.published.at(-1)!)) as PlainJsonObject);
    ports.states.set('S', { id: 'S', count: 900, columns });
    await handle(ports, { ...replay(), id: 'C', message }, limits);
    expect(rowsOf(ports)).toHaveLength(100);
  });

  it('holds few rows at a time if they are large, and splits them below the payload limit', async () => {
    const ports = { ...world(0, { maxBatchSize: 1_000, maxBatchLimit: 50 }), maxPayloadBytes: async () => 262_144 };
    const large = 'x'.repeat(100_000);
    ports.states.set('S', { id: 'S', count: 300, columns });
    ports.cells.set(
      'S',
      Array.from({ length: 300 }, (_, n) => [`${n} ${large}`, null]),
    );
    await handle(ports, replay());
    expect(rowsOf(ports).map(({ n }) => Number.parseInt(String(n)))).toEqual(Array.from({ length: 300 }, (_, n) => n));
    for (const { payload } of toProcessor(ports)) expect(payload.length).toBeLessThan(262_144 - 1_000);
    expect(new Set(ports.published.map(({ id }) => id)).size).toBe(ports.published.length);
    for (const [, , limit] of ports.reads.slice(1)) expect(limit).toBeLessThanOrEqual(50);
  });

  it('partitions each page by its first row, also if a call begins within a page', async () => {
    const properties = {
      maxBatchSize: 10,
      maxBatchLimit: 3,
      concurrencyMode: 'expression',
      concurrencyExpression: 'first',
    };
    const ports = world(25, properties, 'demo/any/x');
    await handleAll(ports, replay(), { ...unbounded, maxReplayRows: 4 });
    const bySubject = toProcessor(ports).map((each) => {
      const [row] = (JSON.parse(textOf(each)) as { query_state: { n: string }[] }).query_state;
      return [each.subject, row!.n];
    });
    expect(bySubject).toEqual([
      ...['0', '3', '6', '9'].map((n) => ['demo.any.low.p1.k0', n]),
      ...['10', '13', '16', '19'].map((n) => ['demo.any.low.p1.k10', n]),
      ...['20', '23'].map((n) => ['demo.any.low.p1.k20', n]),
    ]);
  });

  it('that failed to publish is tried again as a whole, and is not recorded', async () => {
    const ports = world(250);
    ports.answer = ({ id }) =>
      id.includes('/120-') ? { ok: false, error: new Error('timeout') } : { ok: true, duplicate: false, sequence: 1 };
    expect(await handle(ports, replay())).toMatchObject({ outcome: 'retry', code: 'publish_failed' });
    expect(ports.handled.size).toBe(0);
    expect(ports.published.some(({ stream }) => stream === 'processor_state_router')).toBe(false);
  });

  it.each<[string, PlainJsonObject, string]>([
    ['an unknown route', { route_id: 'nope' }, 'unknown_route'],
    ['no route', { route_id: null }, 'missing_route_id'],
    ['a continuation that is no object', { continuation: 'x' }, 'invalid_envelope'],
    ['a continuation without its parts', { continuation: {} }, 'invalid_envelope'],
  ])('is refused or tried again for %s', async (_, members, code) => {
    expect(await handle(world(1), replay(members))).toMatchObject({ code });
  });

  it('of a state that is not known is tried again', async () => {
    const ports = world(1);
    ports.states.clear();
    expect(await handle(ports, replay())).toMatchObject({ outcome: 'retry', code: 'unknown_state' });
  });

  it('keeps its place among the entries of its batch', async () => {
    const ports = world(2);
    const entry = (id: string) => delivery(id, 'query_state_entry', { route_id: 'S:F', query_state: [id] });
    const batch = [entry('A'), entry('B'), replay(), entry('C')];
    const outcomes = await handleEntries(entryContext(ports, { routes }), batch);
    expect(outcomes.map(({ id, outcome }) => [id, outcome])).toEqual(['A', 'B', 'D', 'C'].map((id) => [id, 'ack']));
    expect(toProcessor(ports).map(({ id }) => id.split('/')[0])).toEqual(['A', 'B', 'replay', 'replay', 'C']);
  });

  it('sends every row once, as the same messages, however its calls and reads are cut', async () => {
    const sizes = [integer({ min: 0, max: 260 }), integer({ min: 1, max: 120 }), integer({ min: 1, max: 40 })] as const;
    const cases: [number, number, number, number, number][] = [];
    assert(
      property(...sizes, integer({ min: 1, max: 130 }), constantFrom(0, 1), (...drawn) => {
        cases.push(drawn);
      }),
      { numRuns: 60 },
    );
    for (const [rowCount, maxBatchSize, maxBatchLimit, maxReplayRows, readMs] of cases) {
      const properties = { maxBatchSize, maxBatchLimit };
      const whole = world(rowCount, properties);
      await handleAll(whole, replay(), unbounded);
      const cut = world(rowCount, properties);
      cut.readMs = readMs;
      await handleAll(cut, replay(), { maxReplayRows, maxReplayMs: 3 });
      expect(toProcessor(cut)).toEqual(toProcessor(whole));
      expect(rowsOf(cut).map(({ n }) => n)).toEqual(Array.from({ length: rowCount }, (_, n) => String(n)));
    }
  });
});

describe('the cuts of a replay', () => {
  it('advance, keep to pages and messages, and are the same from wherever a read begins', () => {
    assert(
      property(
        integer({ min: 1, max: 1_500 }),
        integer({ min: 1, max: 700 }),
        integer({ min: 1, max: 300 }),
        integer({ min: 1, max: 1_500 }),
        (total, pageRows, messageRows, targetRows) => {
          const sizes = { pageRows, messageRows };
          const cuts = [];
          for (let offset = 0; offset < total;) {
            const end = readEnd(offset, sizes, targetRows, total);
            expect(end).toBeGreaterThan(offset);
            expect(end - offset).toBeLessThanOrEqual(Math.max(targetRows, messageRows));
            cuts.push(...messageCuts(offset, end, sizes));
            offset = end;
          }
          expect(cuts).toEqual(messageCuts(0, total, sizes));
          for (const { pageStart, start, end } of cuts) {
            expect(pageStart).toBe(pageStartOf(start, sizes));
            expect(pageStartOf(end - 1, sizes)).toBe(pageStart);
            expect(end - start).toBeLessThanOrEqual(messageRows);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
