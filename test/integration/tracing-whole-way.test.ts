import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CollectedSpan } from '../../infra/local/otlp-spans.ts';
import { maxTraceHops } from '../../shared/telemetry/trace-hops.ts';
import { traceContextOf } from '../../shared/nats/headers.ts';
import { until } from '../support/connector-bench.ts';
import { sortTree, spanTrees, type SpanTree } from '../support/span-tree.ts';
import { createState } from '../support/state-fixture.ts';
import { newTrace, startTracedStack, type TracedStack } from '../support/traced-stack.ts';

let stack: TracedStack;

beforeAll(async () => {
  stack = await startTracedStack();
});

afterAll(() => stack.close());

const afterSave = { persistence: { mode: 'individual_rows' }, routing: { mode: 'after_save' } };

describe.skipIf(process.platform !== 'linux')('the trace of a message', () => {
  it('is one tree over every hop, with its retry and its dead letter', async () => {
    const { database } = stack;
    const first = await createState(database.pool, { properties: afterSave, processorsBehind: 2 });
    const second = await createState(database.pool);
    const later = second.outputRouteId;
    const [row] = await database.pool.query<{ processor_id: string }>(
      'delete from processor_state where id = $1 returning processor_id',
      [later],
    );
    const [storing, failing] = first.inputRouteIds;
    // The processors: one answers with rows for a route that does not exist yet, one with a message that nobody can store.
    const consumed: string[] = [];
    const processors = stack.nats.subscribe('test.processors', {
      callback: (_error, message) => {
        const { route_id: route } = message.json<{ route_id: string }>();
        consumed.push(route);
        const body =
          route === storing
            ? { type: 'query_state_route', route_id: later, query_state: [{ answer: 1 }] }
            : { type: 'query_state_direct', state_id: second.stateId, query_state: [] };
        void stack.publish([{ body: JSON.stringify(body), headers: traceContextOf(message.headers) }]);
      },
    });
    const producer = newTrace();
    await stack.reportProducer(producer);
    await stack.publish([
      {
        body: JSON.stringify({
          type: 'query_state_direct',
          state_id: first.stateId,
          query_state: [{ secret: 'x-payload' }],
        }),
        // As Go clients write it (performance.md 6, item 1).
        headers: { Traceparent: `00-${producer.traceId}-${producer.spanId}-01` },
      },
    ]);
    await until('the retry', () => stack.lines.some((line) => line.includes('unknown_route')));
    await database.pool.query(
      `insert into processor_state (id, processor_id, state_id, direction, status) values ($1, $2, $3, 'OUTPUT', 'CREATED')`,
      [later, row!.processor_id, second.stateId],
    );
    const spans = await stack.trace(
      producer.traceId,
      (all) =>
        all.filter(({ name }) => name.startsWith('settle')).length === 5 &&
        all.filter(({ service }) => service === 'state-route').length > 4,
    );
    processors.unsubscribe();
    expect(new Set(consumed)).toEqual(new Set([storing, failing]));

    const settled = (subject: string, more = ''): SpanTree => [
      `settle ${subject} [connector client] messaging.operation.name=${more || 'ack'}`,
    ];
    const request = (name: string): SpanTree => [
      `POST /function/${name} [connector client]`,
      [`POST /function/${name} [${name} server]`],
    ];
    const entry = (...answers: readonly SpanTree[]): SpanTree => [
      'publish processor.state.router [state-direct producer] messaging.operation.name=publish',
      [
        'deliver processor.state.router [connector client] messaging.operation.name=deliver ism.delivery.attempt=1 ism.outcome=ack',
        request('state-entry'),
        [
          'process processor.state.router [state-entry consumer] messaging.operation.name=process ism.delivery.attempt=1 ism.outcome=ack',
          ['insert ledger [state-entry client] db.operation.name=insert'],
          ['metadata processor [state-entry client] db.operation.name=select ism.cache.hit=false'],
          ['metadata route [state-entry client] db.operation.name=select ism.cache.hit=false'],
          ['publish processor.monitor [state-entry producer] messaging.operation.name=publish'],
          ['publish test.processors [state-entry producer] messaging.operation.name=publish', ...answers],
          ['select ledger [state-entry client] db.operation.name=select ism.ledger.hits=0'],
        ],
        settled('processor.state.router'),
      ],
    ];
    const sync = 'processor.state.sync';
    const tried = (
      service: string,
      outcome: string,
      attempt: number,
      inside: readonly SpanTree[],
      after: readonly SpanTree[],
    ) =>
      [
        `deliver ${sync} [connector client] messaging.operation.name=deliver ism.delivery.attempt=${attempt} ism.outcome=${outcome}`,
        request(service),
        [
          `process ${sync} [${service} consumer] messaging.operation.name=process ism.delivery.attempt=${attempt} ism.outcome=${outcome}`,
          ...inside,
        ],
        ...after,
      ] satisfies SpanTree;
    const append = (service: string): SpanTree => [
      `append state_column_data [${service} client] db.operation.name=insert ism.rows=1 ism.ledger.hits=0`,
    ];
    const missed = (service: string, kind: string, more = ''): SpanTree => [
      `metadata ${kind} [${service} client] db.operation.name=select ism.cache.hit=false${more}`,
    ];
    const noRoute = 'retry error.type=unknown_route failed';
    const noRows = 'reject error.type=missing_query_state failed';
    // How often it was tried before the route was there is a matter of time; every try looks the same.
    const retries = spans.filter(
      (span) => span.name === `deliver ${sync}` && span.attributes['ism.outcome'] === 'retry',
    ).length;
    const attributes = [
      'messaging.operation.name',
      'db.operation.name',
      'ism.cache.hit',
      'ism.rows',
      'ism.ledger.hits',
      'ism.delivery.attempt',
      'ism.outcome',
      'error.type',
    ];
    expect(spanTrees(spans, attributes)).toEqual([
      sortTree([
        `publish ${sync} [demo producer]`,
        tried(
          'state-direct',
          'ack',
          1,
          [
            append('state-direct'),
            missed('state-direct', 'forwardRoutes'),
            missed('state-direct', 'state'),
            entry(
              ...[
                ...Array.from({ length: retries }, (_, retry) =>
                  tried(
                    'state-route',
                    noRoute,
                    retry + 1,
                    [missed('state-route', 'route', ' error.type=unknown_route failed')],
                    [],
                  ),
                ),
                tried(
                  'state-route',
                  'ack',
                  retries + 1,
                  [append('state-route'), missed('state-route', 'route'), missed('state-route', 'state')],
                  [settled(sync)],
                ),
              ].toSorted((one, other) => (one[0] < other[0] ? -1 : 1)),
            ),
            entry(
              tried(
                'state-direct',
                noRows,
                1,
                [missed('state-direct', 'state')],
                [
                  [
                    `publish state_sync.dead_letter [connector producer] messaging.operation.name=publish error.type=missing_query_state failed`,
                  ],
                  settled(sync, 'term'),
                ],
              ),
            ),
            ['update ledger [state-direct client] db.operation.name=update'],
          ],
          [settled(sync)],
        ),
      ]),
    ]);
    expect(retries).toBeGreaterThan(0);
    expect(spans.filter(({ attributes: own }) => own['faas.coldstart'] === true)).toHaveLength(3);
    expect(JSON.stringify(spans)).not.toContain('x-payload');
    const of = (name: string, service: string) => spans.find((span) => span.name === name && span.service === service);
    expect(of(`deliver ${sync}`, 'connector')?.attributes).toMatchObject({
      'messaging.system': 'nats',
      'messaging.operation.type': 'receive',
      'messaging.destination.name': sync,
      'messaging.consumer.group.name': 'processor_state_sync_sub_1',
      'messaging.nats.stream': 'processor_state_sync',
      'messaging.nats.stream.sequence': 1,
      'messaging.nats.delivery_count': 1,
      'ism.message.type': 'query_state_direct',
    });
    expect(of('append state_column_data', 'state-direct')?.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.operation.name': 'insert',
      'db.query.summary': 'append state_column_data',
      'db.collection.name': 'state_column_data',
      'ism.state.id': first.stateId,
      'ism.rows': 1,
      'ism.columns': 1,
      'ism.ledger.hits': 0,
    });
    expect(of('publish processor.state.router', 'state-direct')?.attributes).toMatchObject({
      'messaging.system': 'nats',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'processor.state.router',
      'messaging.message.id': expect.stringContaining(first.stateId) as string,
    });
    const [letter] = spans.filter(({ name }) => name === 'publish state_sync.dead_letter');
    expect(letter?.attributes).toMatchObject({ 'ism.dead_letter.subject': sync, 'error.type': 'missing_query_state' });
  });

  it('that travels in a batch is whole too, and its batch is a trace of its own that links to it', async () => {
    const fixture = await createState(stack.database.pool, { properties: afterSave, processorsBehind: 1 });
    const producers = Array.from({ length: 40 }, newTrace);
    await stack.publish(
      producers.map(({ traceId, spanId }, index) => ({
        body: JSON.stringify({ type: 'query_state_direct', state_id: fixture.stateId, query_state: [{ index }] }),
        // Every other one is not sampled: nothing is recorded of it.
        headers: { traceparent: `00-${traceId}-${spanId}-0${index % 2}` },
      })),
    );
    const isWhole = (all: readonly CollectedSpan[]): boolean =>
      all.filter(({ name }) => name.startsWith('settle')).length === 2 &&
      all.some(({ name }) => name === 'insert ledger');
    const sampled = await Promise.all(
      producers.filter((_, index) => index % 2 === 1).map(({ traceId }) => stack.trace(traceId, isWhole)),
    );
    const inBatch = sampled.filter((spans) =>
      spans.some(({ name, attributes }) => name === 'append state_column_data' && attributes['ism.shared'] === true),
    );
    expect(inBatch.length).toBeGreaterThan(0);
    for (const spans of inBatch) {
      const [tree] = spanTrees(spans, ['ism.rows', 'ism.ledger.hits']);
      expect(tree?.[0]).toBe('deliver processor.state.sync [connector client]');
      const process = tree?.slice(1).find(([line]) => String(line).startsWith('process')) as SpanTree;
      expect(process.slice(1).map(([line]) => line)).toEqual([
        'append state_column_data [state-direct internal] ism.rows=1 ism.ledger.hits=0',
        expect.stringMatching(/^metadata forwardRoutes/),
        expect.stringMatching(/^metadata state/),
        'publish processor.state.router [state-direct producer]',
        'update ledger [state-direct internal]',
      ]);
      // The batch: one request, one append, and links both ways.
      const [link] = spans.find(({ name }) => name === 'append state_column_data')!.links;
      const batch = await stack.trace(link!.traceId, (all) => all.some(({ kind }) => kind === 'client'));
      const root = batch.find(({ parentSpanId }) => parentSpanId === '');
      expect(root).toMatchObject({ name: 'POST /function/state-direct', service: 'connector' });
      const count = root!.attributes['messaging.batch.message_count'] as number;
      expect(count).toBeGreaterThan(1);
      const append = batch.filter(({ name }) => name === 'append state_column_data');
      expect(append).toHaveLength(1);
      expect(append[0]?.attributes).toMatchObject({ 'ism.rows': count, 'db.operation.batch.size': count });
      const own = new Set(spans.map(({ traceId }) => traceId));
      for (const span of batch.filter(({ name }) => name === 'POST /function/state-direct')) {
        expect(span.links.some(({ traceId }) => own.has(traceId))).toBe(true);
        expect(span.links.length).toBeLessThan(count);
      }
    }
    for (const { traceId } of producers.filter((_, index) => index % 2 === 0)) {
      expect(stack.stack.collector!.trace(traceId)).toEqual([]);
    }
  });

  it('begins with its delivery where its producer does not trace', async () => {
    const fixture = await createState(stack.database.pool);
    const body = JSON.stringify({ type: 'query_state_direct', state_id: fixture.stateId, query_state: [{ a: 1 }] });
    await stack.publish(Array.from({ length: 10 }, () => ({ body })));
    const isOurs = ({ name, attributes }: CollectedSpan): boolean =>
      name.startsWith('process') && attributes['ism.state.id'] === fixture.stateId;
    await until('every process span', () => stack.stack.collector!.spans().filter(isOurs).length === 10);
    const traceIds = new Set(
      stack.stack
        .collector!.spans()
        .filter(isOurs)
        .map(({ traceId }) => traceId),
    );
    expect(traceIds.size).toBe(10);
    for (const traceId of traceIds) {
      const spans = await stack.trace(traceId, (all) => all.some(({ name }) => name.startsWith('settle')));
      expect(spanTrees(spans).map(([line]) => line)).toEqual(['deliver processor.state.sync [connector client]']);
    }
  });

  it('ends after a number of hops, and goes on as a new one that links to it', async () => {
    const fixture = await createState(stack.database.pool);
    const { traceId, spanId } = newTrace();
    const body = JSON.stringify({ type: 'query_state_direct', state_id: fixture.stateId, query_state: [{ a: 1 }] });
    const headers = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: `other=x,ism=${maxTraceHops}` };
    await stack.publish([{ body, headers }]);
    const isNext = (span: CollectedSpan): boolean =>
      span.name.startsWith('deliver') && span.links.some((link) => link.traceId === traceId && link.spanId === spanId);
    await until('the next trace', () => stack.stack.collector!.spans().some(isNext));
    expect(stack.stack.collector!.trace(traceId)).toEqual([]);
    const next = stack.stack.collector!.spans().find(isNext)!;
    const spans = await stack.trace(next.traceId, (all) => all.some(({ name }) => name.startsWith('settle')));
    expect(spanTrees(spans)).toHaveLength(1);
    expect(spans.some(({ name }) => name === 'append state_column_data')).toBe(true);
  });
});
