import { describe, expect, it } from 'vitest';
import { entryContext } from '../../../functions/state-entry/entry-ports.ts';
import { handleEntries } from '../../../functions/state-entry/handle-entries.ts';
import { createPlanPace } from '../../../shared/function/plan-pace.ts';
import { RetryableError, TerminalError } from '../../../shared/errors/sync-error.ts';
import type { PlainJsonObject } from '../../../shared/json/json-value.ts';
import type { Outcome } from '../../../shared/message/outcome.ts';
import { RoutingError } from '../../../shared/routing/routing-error.ts';
import {
  delivery,
  inputRoute,
  memoryEntryPorts,
  processor,
  textOf,
  type MemoryEntryPorts,
} from '../../support/entry-ports.ts';
import { longestTurnMs, mostTurnMs } from '../../support/longest-turn.ts';
import { routeConfig, routesOf, withPriority } from '../../support/route-config.ts';

const routes = routesOf(
  routeConfig('processor/monitor', 'processor.monitor'),
  routeConfig('processor/state/router', 'processor.state.router'),
  routeConfig('demo/echo', 'demo.echo'),
  routeConfig('demo/any/*', 'demo.any', withPriority),
  routeConfig('demo/core', 'demo.core', { jetstreamEnabled: false }),
);

const world = (): MemoryEntryPorts => {
  const ports = memoryEntryPorts();
  ports.routes.set('S:F', inputRoute('S:F', 'S', 'F'));
  ports.routes.set('S:G', inputRoute('S:G', 'S', 'G'));
  ports.processors.set('F', processor('F', 'demo/echo'));
  ports.processors.set('G', processor('G', 'demo/any/x'));
  return ports;
};

const entry = (id: string, members: PlainJsonObject = {}) =>
  delivery(id, 'query_state_entry', { route_id: 'S:F', query_state: [{ n: id }], ...members });

const handle = (ports: MemoryEntryPorts, ...deliveries: Parameters<typeof handleEntries>[1]) =>
  handleEntries(entryContext(ports, { routes }), deliveries);

const codeOf = (outcome: Outcome | undefined): string | undefined =>
  outcome === undefined || outcome.outcome === 'ack' ? outcome?.outcome : `${outcome.outcome} ${outcome.code}`;

describe('entries on their way to a processor', () => {
  it('let the event loop turn while they are planned', { timeout: 60_000 }, async () => {
    const text = 'a few words and é '.repeat(3);
    const query_state = Array.from({ length: 100_000 }, (_, n) => ({ n, text }));
    const monotonicMs = (): number => performance.now();
    let leastMs = Number.POSITIVE_INFINITY;
    // A collection of garbage takes its time where it likes: the least of some tries is what planning takes.
    for (let attempt = 0; attempt < 16 && leastMs > mostTurnMs(); attempt += 1) {
      const pace = createPlanPace({ monotonicMs, maxHeldBytes: 64 * 1024 * 1024 });
      const ports: MemoryEntryPorts = { ...world(), run: (steps) => pace.open().run(steps) };
      const large = entry('D1', { query_state });
      const ms = await longestTurnMs(async () => {
        expect(await handle(ports, large)).toEqual([{ id: 'D1', outcome: 'ack' }]);
      });
      expect(ports.published.length).toBeGreaterThan(5);
      leastMs = Math.min(leastMs, ms);
    }
    expect(leastMs).toBeLessThan(mostTurnMs());
  });

  it('are announced to the monitor, then published, then recorded, then acknowledged', async () => {
    const ports = world();
    expect(await handle(ports, entry('D1'))).toEqual([{ id: 'D1', outcome: 'ack' }]);
    expect(ports.published.map(({ id, stream, subject }) => [id, stream, subject])).toEqual([
      ['D1/S:F/routed', 'processor_monitor', 'processor.monitor'],
      ['D1/S:F/0-0', 'demo_echo', 'demo.echo'],
    ]);
    expect([...ports.handled]).toEqual(['D1']);
  });

  it('are published once: what the ledger knows publishes nothing', async () => {
    const ports = world();
    await handle(ports, entry('D1'));
    const before = [...ports.published];
    expect(await handle(ports, entry('D1'), entry('D2'))).toEqual([
      { id: 'D1', outcome: 'ack' },
      { id: 'D2', outcome: 'ack' },
    ]);
    expect(ports.published.slice(before.length).map(({ id }) => id)).toEqual(['D2/S:F/routed', 'D2/S:F/0-0']);
  });

  it('are the same messages with the same ids at every attempt', async () => {
    const first = world();
    const second = world();
    await handle(first, entry('D1', { route_id: 'S:G', context: { user_id: 'U' } }));
    await handle(second, entry('D1', { route_id: 'S:G', context: { user_id: 'U' } }));
    expect(second.published).toEqual(first.published);
  });

  it('fail alone: each of a batch has its own outcome, in the order given (G-3, G-25, G-40)', async () => {
    const ports = world();
    ports.routes.set('S:X', inputRoute('S:X', 'S', 'X'));
    ports.routes.set('S:Y', inputRoute('S:Y', 'S', 'Y'));
    ports.routes.set('S:Z', inputRoute('S:Z', 'S', 'Z'));
    ports.processors.set('Y', processor('Y', null));
    ports.processors.set('Z', processor('Z', 'demo/core'));
    ports.loadRoute = async (id) => {
      if (id === 'twice') throw new TerminalError('ambiguous_route', 'two rows');
      if (id === 'down') throw new RetryableError('database_unavailable', 'down');
      return ports.routes.get(id);
    };
    const outcomes = await handle(
      ports,
      entry('D0'),
      entry('D1', { route_id: 'nope' }),
      entry('D2', { route_id: null }),
      delivery('D3', 'query_state_entry', { route_id: 'S:F' }),
      entry('D4', { route_id: 'S:X' }),
      entry('D5', { route_id: 'S:Y' }),
      entry('D6', { route_id: 'twice' }),
      entry('D7', { route_id: 'down' }),
      entry('D8', { route_id: 'S:G', priority: 'medium' }),
      delivery('D9', 'query_state_direct', {}),
      entry('D10', { route_id: 'S:Z' }),
      delivery('D11', 'query_processor_entry', { query_state: [1] }),
      entry('D12'),
    );
    expect(outcomes.map((outcome) => [outcome.id, codeOf(outcome)])).toEqual([
      ['D0', 'ack'],
      ['D1', 'retry unknown_route'],
      ['D2', 'reject missing_route_id'],
      ['D3', 'reject missing_query_state'],
      ['D4', 'retry unknown_processor'],
      ['D5', 'retry unknown_selector'],
      ['D6', 'reject ambiguous_route'],
      ['D7', 'retry database_unavailable'],
      ['D8', 'reject invalid_priority'],
      ['D9', 'reject wrong_function'],
      ['D10', 'retry unknown_selector'],
      ['D11', 'reject missing_processor_id'],
      ['D12', 'ack'],
    ]);
    expect([...ports.handled]).toEqual(['D0', 'D12']);
    expect(ports.published.map(({ id }) => id)).toEqual([
      'D0/S:F/routed',
      'D0/S:F/0-0',
      'D12/S:F/routed',
      'D12/S:F/0-0',
    ]);
  });

  it('are tried again if the server did not take all of them, and only these (G-23)', async () => {
    const ports = world();
    ports.answer = ({ id }) =>
      id === 'D2/S:F/0-0'
        ? { ok: false, error: new Error('no responders') }
        : { ok: true, duplicate: false, sequence: 1 };
    const outcomes = await handle(ports, entry('D1'), entry('D2'), entry('D3'));
    expect(outcomes.map(codeOf)).toEqual(['ack', 'retry publish_failed', 'ack']);
    expect([...ports.handled]).toEqual(['D1', 'D3']);
  });

  it('keep the code of an error that the publisher knows', async () => {
    const ports = world();
    ports.answer = () => ({ ok: false, error: new RetryableError('nats_unavailable', 'gone', { delayMs: 7 }) });
    expect(await handle(ports, entry('D1'))).toEqual([
      { id: 'D1', outcome: 'retry', code: 'nats_unavailable', reason: 'gone', delayMs: 7 },
    ]);
  });

  it('are not published while the ledger cannot be asked, and not acknowledged until it knows', async () => {
    const ports = world();
    const down = async (): Promise<never> => {
      throw new RetryableError('database_unavailable', 'down');
    };
    const asked = { ...ports, ledger: { ...ports.ledger, read: down } };
    expect((await handle(asked, entry('D1'))).map(codeOf)).toEqual(['retry database_unavailable']);
    expect(ports.published).toEqual([]);
    const told = { ...ports, ledger: { ...ports.ledger, recordHandled: down } };
    expect((await handle(told, entry('D1'))).map(codeOf)).toEqual(['retry database_unavailable']);
    expect(ports.published).toHaveLength(2);
  });

  it('are one outcome if the same delivery stands twice in a batch', async () => {
    const ports = world();
    expect((await handle(ports, entry('D1'), entry('D1'))).map(codeOf)).toEqual(['ack', 'ack']);
    expect(ports.published).toHaveLength(2);
  });

  it('are split below the payload limit, every row once and in order', async () => {
    const ports = { ...world(), maxPayloadBytes: async () => 4_096 };
    const rows = Array.from({ length: 40 }, (_, n) => ({ n, text: 'ü'.repeat(50) }));
    expect((await handle(ports, entry('D1', { query_state: rows }))).map(codeOf)).toEqual(['ack']);
    const messages = ports.published.slice(1);
    expect(messages.length).toBeGreaterThan(3);
    let first = 0;
    for (const { id, payload } of messages) {
      const count = (JSON.parse(new TextDecoder().decode(payload)) as { query_state: unknown[] }).query_state.length;
      expect(id).toBe(`D1/S:F/${first}-${first + count - 1}`);
      first += count;
    }
    for (const { payload } of messages) expect(payload.length).toBeLessThan(4_096 - 1_000);
    expect(messages.flatMap((each) => (JSON.parse(textOf(each)) as { query_state: unknown[] }).query_state)).toEqual(
      rows,
    );
  });

  it('are refused if a row fits no message', async () => {
    const ports = { ...world(), maxPayloadBytes: async () => 4_096 };
    const outcomes = await handle(ports, entry('D1', { query_state: ['x'.repeat(5_000)] }), entry('D2'));
    expect(outcomes.map(codeOf)).toEqual(['reject forward_too_large', 'ack']);
  });

  it.each([
    ['[]', []],
    ['[null]', null],
    ['[0]', 0],
    ['[{}]', {}],
  ])('become the rows %s as the reference makes them', async (rows, queryState) => {
    const ports = world();
    await handle(ports, entry('D1', { query_state: queryState }));
    expect(textOf(ports.published[1]!).endsWith(`"query_state": ${rows}}`)).toBe(true);
  });

  it('are published for their delivery, so that they are in its trace', async () => {
    const ports = world();
    await handle(ports, entry('D1'), entry('D2'));
    expect(ports.publishedFor).toEqual(['D1', 'D1', 'D2', 'D2']);
  });

  it('partition keys that are no subject are made one (G-23)', async () => {
    const ports = world();
    ports.processors.set('G', processor('G', 'demo/any/x', { concurrencyMode: 'user-id' }));
    await handle(ports, entry('D1', { route_id: 'S:G', context: { user_id: 'Ada Lovelace' } }));
    expect(ports.published[1]).toMatchObject({ baseSubject: 'demo.any', subject: 'demo.any.low.Ada%20Lovelace' });
  });
});

describe('the routes that the router itself needs', () => {
  it('are missed at the start', () => {
    expect(() => entryContext(memoryEntryPorts(), { routes: new Map() })).toThrow(RoutingError);
  });
});
