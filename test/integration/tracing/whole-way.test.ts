import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CollectedSpan } from '../../../infra/local/otlp-spans.ts';
import { maxTraceHops } from '../../../shared/telemetry/trace-hops.ts';
import { until } from '../../support/until.ts';
import { spanTrees, type SpanTree } from '../../support/span-tree.ts';
import { createState } from '../../support/state-fixture.ts';
import { expectedLoopTree, loopAttributes, runTracedLoop } from '../../support/traced-loop.ts';
import { newTrace, startTracedStack, type TracedStack } from '../../support/traced-stack.ts';

let stack: TracedStack;

beforeAll(async () => {
  stack = await startTracedStack();
});

afterAll(() => stack.close());

const afterSave = { persistence: { mode: 'individual_rows' }, routing: { mode: 'after_save' } };

describe.skipIf(process.platform !== 'linux')('the trace of a message', () => {
  it('is one tree over every hop, with its retry and its dead letter', async () => {
    const { first, spans } = await runTracedLoop(stack);
    const sync = 'processor.state.sync';
    const retries = spans.filter(
      ({ name, attributes }) => name === `deliver ${sync}` && attributes['ism.outcome'] === 'retry',
    ).length;
    expect(spanTrees(spans, loopAttributes)).toEqual([expectedLoopTree(retries)]);
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

  it('begins with its delivery if its producer does not trace', async () => {
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
