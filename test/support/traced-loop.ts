import type { CollectedSpan } from '../../infra/local/otlp-spans.ts';
import { traceContextOf } from '../../shared/nats/headers.ts';
import { until } from './until.ts';
import { sortTree, type SpanTree } from './span-tree.ts';
import { createState, type StateFixture } from './state-fixture.ts';
import { newTrace, type TracedStack, type Traceparent } from './traced-stack.ts';

const sync = 'processor.state.sync';

/** One message that comes back through two processors: rows that are stored after a retry, and a dead letter. */
export interface TracedLoop {
  readonly producer: Traceparent;
  readonly first: StateFixture;
  readonly spans: readonly CollectedSpan[];
}

/** Publishes one message and plays the two processors behind its state; resolves when its trace is whole. */
export const runTracedLoop = async (stack: TracedStack): Promise<TracedLoop> => {
  const { database } = stack;
  const first = await createState(database.pool, {
    properties: { persistence: { mode: 'individual_rows' }, routing: { mode: 'after_save' } },
    processorsBehind: 2,
  });
  const second = await createState(database.pool);
  const later = second.outputRouteId;
  const [row] = await database.pool.query<{ processor_id: string }>(
    'delete from processor_state where id = $1 returning processor_id',
    [later],
  );
  const [storing] = first.inputRouteIds;
  // The processors: one answers with rows for a route that does not exist yet, one with a message that nobody can store.
  const processors = stack.nats.subscribe('test.processors', {
    callback: (_error, message) => {
      const { route_id: route } = message.json<{ route_id: string }>();
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
      // As Go clients write it, with a capital.
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
  return { producer, first, spans };
};

/** Attributes that the lines of the tree show. */
export const loopAttributes = [
  'messaging.operation.name',
  'db.operation.name',
  'ism.cache.hit',
  'ism.rows',
  'ism.ledger.hits',
  'ism.delivery.attempt',
  'ism.outcome',
  'error.type',
] as const;

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
/** The tree of the trace, whatever the number of retries before the route was there. */
export const expectedLoopTree = (retries: number): SpanTree =>
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
  ]);
