import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { entryContext } from '../../functions/state-entry/entry-ports.ts';
import { handleEntries } from '../../functions/state-entry/handle-entries.ts';
import type { JsonObject } from '../../shared/json/json-value.ts';
import { decodeAll } from '../support/decode-all.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import { createEvaluator } from '../../shared/python/evaluate.ts';
import { inputRoute, memoryEntryPorts, processor, textOf } from '../support/entry-ports.ts';
import { routeConfig, routesOf, withPriority } from '../support/route-config.ts';

interface Published {
  readonly route: string;
  readonly subject: string;
  readonly message: string;
}

interface Vector {
  readonly name: string;
  readonly input: {
    readonly message: string;
    readonly route_id: string;
    readonly processor: {
      readonly id: string;
      readonly project_id: string;
      readonly provider_id: string;
      readonly properties: JsonObject | null;
    };
    readonly state_rows: number;
  };
  readonly expected: { readonly published: readonly Published[] };
}

const vectors = JSON.parse(
  readFileSync(new URL('vectors/state-router-messages.json', import.meta.url), 'utf8'),
) as readonly Vector[];

/**
 * Where the reference acknowledges a message and reports FAILED, here it has an outcome with a code; the connector reports FAILED
 * when it gives it up. What may be known later is tried again.
 */
const failures: Readonly<Record<string, readonly [outcome: 'retry' | 'reject', code: string]>> = {
  'entry-missing-route_id': ['reject', 'missing_route_id'],
  'entry-missing-query_state': ['reject', 'missing_query_state'],
  'unknown-type': ['reject', 'unknown_type'],
  'entry-no-route-for-provider': ['retry', 'unknown_selector'],
  'entry-priority-invalid': ['reject', 'invalid_priority'],
  'partition-unknown-mode': ['reject', 'invalid_properties'],
  'route-no-route-for-provider': ['retry', 'unknown_selector'],
  'route-batch-size-zero': ['reject', 'invalid_page_size'],
  'route-unknown': ['retry', 'unknown_route'],
  'route-missing-route_id': ['reject', 'missing_route_id'],
};

const routes = routesOf(
  routeConfig('processor/monitor', 'processor.monitor'),
  routeConfig('processor/state/router', 'processor.state.router'),
  routeConfig('code/executor/python/python-executor-1.0', 'processor.executor.python'),
  routeConfig('language/models/openai/*', 'processor.models.openai', withPriority),
);

const stateId = '11111111-1111-1111-1111-111111111111';
const columns = [
  ['a', 'int'],
  ['t', 'bool'],
  ['f', 'float'],
  ['n', 'str'],
  ['j', 'json'],
].map(([name, dataType]) => ({ name: name!, dataType: dataType!, displayOrder: null, value: null, callable: false }));

const run = async ({
  input,
}: Vector): Promise<{ readonly outcome: Outcome; readonly published: readonly Published[] }> => {
  const ports = memoryEntryPorts(createEvaluator);
  ports.routes.set(input.route_id, inputRoute(input.route_id, stateId, input.processor.id));
  const { id, provider_id, properties } = input.processor;
  ports.processors.set(id, { ...processor(id, provider_id, properties), projectId: input.processor.project_id });
  ports.states.set(stateId, { id: stateId, count: input.state_rows, columns });
  ports.cells.set(
    stateId,
    Array.from({ length: input.state_rows }, (_, index) => [`${index}`, 'true', '1.5', null, `{"x": ${index}}`]),
  );
  const decoded = decodeAll({ 'content-type': 'application/json' }, new TextEncoder().encode(input.message), {
    accepts: ['query_state_entry', 'query_processor_entry', 'query_state_route'],
    nowMs: Date.UTC(2026, 0, 1),
    newId: () => 'D',
  });
  const outcomes = await handleEntries(entryContext(ports, { routes }), decoded.deliveries);
  const published = ports.published.map((message) => ({
    route: message.stream,
    subject: message.subject,
    message: textOf(message),
  }));
  return { outcome: [...decoded.rejections, ...outcomes][0]!, published };
};

const isStatusOfNoRoute = ({ message }: Published): boolean =>
  message.startsWith('{"type": "processor_state", "route_id": null,');

const withProcessorId = (published: Published, routeId: string, processorId: string): Published => ({
  ...published,
  message: published.message.replace(
    `"route_id": "${routeId}", "query_state":`,
    `"route_id": "${routeId}", "processor_id": "${processorId}", "query_state":`,
  ),
});

const withRunHidden = (published: Published): Published => ({
  ...published,
  message: published.message.replace(
    /"run_id": "[0-9a-f]{8}", "run_created_at": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"/,
    '"run_id": "<8 hex>", "run_created_at": "<utc iso>"',
  ),
});

const decisionOf = ({ name, input, expected }: Vector): string => {
  const failure = failures[name];
  if (failure) return ` (decision: ${failure.join(' ')}, the connector reports FAILED)`;
  if (input.message.includes('"query_state_route"')) return ' (G-39: a replay names its processor)';
  return expected.published.some(isStatusOfNoRoute) ? ' (G-25: no status without a route)' : '';
};

describe('what the router publishes is what the reference publishes', () => {
  for (const vector of vectors) {
    it(vector.name + decisionOf(vector), async () => {
      const { outcome, published } = await run(vector);
      const failure = failures[vector.name];
      if (failure) {
        expect(vector.expected.published.at(-1)?.message).toContain('"status": "FAILED"');
        expect(outcome).toMatchObject({ outcome: failure[0], code: failure[1] });
        expect(published).toEqual([]);
        return;
      }
      const { route_id: routeId, processor } = vector.input;
      const isReplay = vector.input.message.includes('"query_state_route"');
      const expected = vector.expected.published
        .filter((each) => !isStatusOfNoRoute(each))
        .map((each) => (isReplay ? withProcessorId(each, routeId, processor.id) : each));
      expect(outcome).toEqual({ id: outcome.id, outcome: 'ack' });
      expect(published.map(withRunHidden)).toEqual(expected);
    });
  }

  it('names in its decisions only cases that were recorded', () => {
    expect(vectors.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(failures)));
    expect(vectors).toHaveLength(28);
  });
});
