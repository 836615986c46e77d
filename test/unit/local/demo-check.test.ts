import { describe, expect, it } from 'vitest';
import { createArrivalLog } from '../../../infra/local/demo/arrivals.ts';
import { checkResult, type DemoResult } from '../../../infra/local/demo/check-result.ts';
import { createMessages } from '../../../infra/local/demo/messages.ts';
import { createWorkflow } from '../../../infra/local/demo/workflow.ts';
import { printTrace } from '../../../infra/local/print-trace.ts';
import type { CollectedSpan } from '../../../infra/local/otlp-spans.ts';
import { textTable } from '../../../infra/local/text-table.ts';

type Stored = DemoResult['stored'];

const amounts = new Map([
  [11, 110],
  [12, 120],
  [13, 130],
]);

const right = (): DemoResult => {
  const rows = [...amounts].map(([order, amount], position) => {
    return { position, cells: { order_id: String(order), amount: String(amount), source: 'web' } };
  });
  const columns = ['source', 'amount', 'order_id'];
  const status = { replicas: 1, availableReplicas: 1, inFlight: 0, coldStarts: 1, restarts: 0, pids: [1] };
  return {
    amounts,
    stored: { count: 3, columns, rows, cellCount: 9, mappedKeys: 3 },
    arrivals: new Map([
      ['S:A', { subjects: new Set(['a']), messages: 2, orders: new Map([...amounts.keys()].map((o) => [o, 1])) }],
    ]),
    messagesPerRoute: 2,
    functions: ['state-direct', 'state-route', 'state-entry'].map((name) => ({ ...status, name, invocationCount: 1 })),
  };
};

const withStored = (change: Partial<Stored>): DemoResult => ({ ...right(), stored: { ...right().stored, ...change } });
const withOrders = (orders: ReadonlyMap<number, number>, messages = 2): DemoResult => ({
  ...right(),
  arrivals: new Map([['S:A', { subjects: new Set(['a']), messages, orders }]]),
});

describe('the check of the demo', () => {
  it('finds nothing wrong with a right result', () => {
    expect(checkResult(right())).toEqual([]);
  });

  const { rows } = right().stored;
  it.each<[string, DemoResult, string]>([
    ['a row too few', withStored({ count: 2, rows: rows.slice(0, 2), cellCount: 6 }), 'state.count is 2, not 3'],
    ['a drifted count', withStored({ count: 4 }), 'state.count is 4, not 3'],
    [
      'a gap',
      withStored({ rows: rows.map((row, at) => (at === 2 ? { ...row, position: 3 } : row)) }),
      'not contiguous',
    ],
    ['a missing cell', withStored({ cellCount: 8 }), '8 cells, not 9'],
    ['a missing key', withStored({ mappedKeys: 2 }), '2 keys are mapped'],
    [
      'an order stored twice',
      withStored({ rows: rows.map((row, at) => (at === 2 ? { ...row, cells: rows[1]?.cells ?? {} } : row)) }),
      '2 orders are not stored exactly once',
    ],
    [
      'a wrong amount',
      withStored({ rows: rows.map((row) => ({ ...row, cells: { ...row.cells, amount: '1' } })) }),
      'amount is 1, not 110',
    ],
    [
      'a missing constant',
      withStored({ rows: rows.map((row) => ({ ...row, cells: { ...row.cells, source: null } })) }),
      'source is null',
    ],
    [
      'a lost forward',
      withOrders(
        new Map([
          [11, 1],
          [12, 1],
        ]),
      ),
      '1 orders are not received through S:A exactly once',
    ],
    [
      'a doubled forward',
      withOrders(
        new Map([
          [11, 1],
          [12, 2],
          [13, 1],
        ]),
        3,
      ),
      '(12: 2 times)',
    ],
    ['a message too many', withOrders(right().arrivals.get('S:A')?.orders ?? new Map(), 3), '3 messages came through'],
    ['a function that nobody called', { ...right(), functions: [] }, 'state-direct was never called'],
  ])('finds %s', (_, result, text) => {
    expect(checkResult(result).join('\n')).toContain(text);
  });

  it('counts what reached each processor of this run, and of no other', () => {
    const workflow = createWorkflow();
    const log = createArrivalLog(workflow);
    const [first, second] = workflow.processors;
    const arrival = (routeId: string | undefined, ...orders: number[]) => ({
      subject: 'x',
      messageId: '',
      body: JSON.stringify({
        type: 'query_state',
        route_id: routeId,
        query_state: orders.map((id) => ({ order_id: id })),
      }),
    });
    log.add(arrival(first?.routeId, 1, 2));
    log.add(arrival(first?.routeId, 2));
    log.add(arrival(second?.routeId, 1));
    log.add(arrival('another run', 1));
    expect(log.orderCount()).toBe(4);
    expect([...log.byRoute().values()].map(({ orders, messages }) => [messages, [...orders]])).toEqual([
      [
        2,
        [
          [1, 1],
          [2, 2],
        ],
      ],
      [1, [[1, 1]]],
    ]);
  });

  it('publishes every order once, under an id of its own', () => {
    const { messages, amounts: expected } = createMessages(createWorkflow(), 50);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
    const orders = messages.flatMap(({ body }) =>
      (JSON.parse(body) as { query_state: { 'Order ID': string | number }[] }).query_state.map((row) =>
        Number(row['Order ID']),
      ),
    );
    expect(orders.toSorted((one, other) => one - other)).toEqual(
      [...expected.keys()].toSorted((one, other) => one - other),
    );
    expect(expected.size).toBe(70);
    expect(messages.filter(({ traceparent }) => traceparent !== undefined)).toHaveLength(1);
  });
});

describe('what people see', () => {
  it('aligns the columns of a table and cuts long cells', () => {
    expect(
      textTable(
        ['a', 'name'],
        [
          ['1', 'x'.repeat(50)],
          ['22', null],
        ],
      ),
    ).toEqual(['a   name', `──  ${'─'.repeat(36)}`, `1   ${'x'.repeat(35)}…`, '22  null']);
  });

  it('cuts the widest columns until the table is as wide as it may be, and none of one without an end', () => {
    const rows = [['1', 'x'.repeat(50), 'y'.repeat(20)]];
    const fit = textTable(['a', 'wide', 'less'], rows, 45);
    expect(fit.every((line) => line.length <= 45)).toBe(true);
    expect(fit[2]).toBe(`1  ${'x'.repeat(19)}…  ${'y'.repeat(20)}`);
    expect(textTable(['a', 'wide', 'less'], rows, Infinity)[2]).toBe(`1  ${'x'.repeat(50)}  ${'y'.repeat(20)}`);
  });

  it('prints a trace as a tree, children in order, with what was linked and what failed', () => {
    const span = (spanId: string, parentSpanId: string, startMs: number, more: Partial<CollectedSpan> = {}) => ({
      traceId: 't',
      spanId,
      parentSpanId,
      name: spanId,
      kind: 'internal' as const,
      service: 's',
      startMs,
      durationMs: 1,
      attributes: {},
      failed: false,
      links: [],
      ...more,
    });
    const lines = printTrace([
      span('late', 'root', 30, { failed: true, attributes: { 'error.type': 'unknown_state' } }),
      span('root', 'not exported', 10, { links: [{ traceId: 'u', spanId: 'v' }] }),
      span('early', 'root', 20),
      span('leaf', 'early', 25),
    ]);
    expect(lines.map((line) => line.replace(/ {2}\[.*$/, ''))).toEqual(['root', '├─ early', '│  └─ leaf', '└─ ✗ late']);
    expect(lines[0]).toContain('+0.0 ms, took 1.0 ms ↔ 1 linked');
    expect(lines[3]).toContain('error.type=unknown_state');
  });
});
