import { toOutcome } from '../errors/to-outcome.ts';
import type { FunctionApp, FunctionRuntime } from '../http/run-function.ts';
import type { Delivery, MessageType } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import { append } from '../postgres/append.ts';
import { markForwarded } from '../postgres/ledger.ts';
import { routerSelector } from '../routing/routing.ts';
import { requireRoute } from '../routing/selector.ts';
import type { RequestTrace } from '../telemetry/request-trace.ts';
import { SpanKind, withSpan } from '../telemetry/trace.ts';
import { createRequestHandler } from './handle-request.ts';
import type { Metadata } from './metadata.ts';
import { openParts, type Parts } from './open-parts.ts';
import { storeDeliveries, type Scope, type StorePorts, type StoreTarget } from './store-deliveries.ts';

/** What tells state-direct and state-route apart. */
export interface StoreFunction {
  readonly accepts: readonly MessageType[];
  /** Finds the state of a delivery. Throws what becomes its outcome. */
  target(delivery: Delivery, metadata: Metadata): Promise<{ readonly stateId: string; readonly scope: Scope }>;
}

const databaseSpan = { 'db.system.name': 'postgresql' } as const;

const portsFor = (parts: Parts, trace: RequestTrace): StorePorts => {
  const { metadata, pool, runtime } = parts;
  return {
    state: metadata.state,
    forwardRoutes: metadata.forwardRoutes,
    forgetState: metadata.forgetState,
    append: (request) =>
      withSpan(
        'append state_column_data',
        trace.work,
        {
          kind: SpanKind.CLIENT,
          attributes: {
            ...databaseSpan,
            'db.operation.name': 'append',
            'db.collection.name': 'state_column_data',
            'ism.state.id': request.stateId,
            'ism.deliveries': request.deliveries.length,
            'ism.rows': request.deliveries.reduce((sum, delivery) => sum + delivery.rowCount, 0),
            'ism.columns': request.columns.length,
          },
        },
        async ({ span }) => {
          const result = await append(pool, request);
          span.setAttribute('ism.ledger.hits', result.deliveries.filter(({ status }) => status === 'duplicate').length);
          return result;
        },
      ),
    markForwarded: (ids) =>
      withSpan(
        'update ledger',
        trace.work,
        { kind: SpanKind.CLIENT, attributes: { ...databaseSpan, 'db.operation.name': 'update' } },
        () => markForwarded(pool, ids),
      ),
    maxPayloadBytes: () => parts.bus.maxPayloadBytes(),
    publish: (messages, deliveryIds) => parts.publish(messages, deliveryIds, trace),
    evaluators: parts.evaluators,
    routerRoute: requireRoute(parts.routing.routes, routerSelector),
    flatten: runtime.config.flatten,
    onStored: parts.metrics.rows,
  };
};

/** The composition of a function that stores rows: its parts, its ports, its request handler. */
export const createStoreApp = async (runtime: FunctionRuntime, definition: StoreFunction): Promise<FunctionApp> => {
  const parts = await openParts(runtime);
  // A routing file without the router's route is a fault of the configuration: it is found at start.
  requireRoute(parts.routing.routes, routerSelector);
  const process = async (deliveries: readonly Delivery[], trace: RequestTrace): Promise<readonly Outcome[]> => {
    const outcomes: Outcome[] = [];
    const targets: StoreTarget[] = [];
    const found = await Promise.all(
      deliveries.map(async (delivery): Promise<StoreTarget | Outcome> => {
        try {
          return { delivery, ...(await definition.target(delivery, parts.metadata)) };
        } catch (error) {
          return toOutcome(delivery.id, error);
        }
      }),
    );
    for (const item of found) {
      if ('outcome' in item) outcomes.push(item);
      else targets.push(item);
    }
    return [...outcomes, ...(await storeDeliveries(targets, portsFor(parts, trace)))];
  };
  return {
    handle: createRequestHandler({
      functionName: runtime.name,
      accepts: definition.accepts,
      nowMs: runtime.nowMs,
      deadlineMs: runtime.config.deadlineMs,
      log: runtime.log,
      metrics: parts.metrics,
      process,
    }),
    metrics: parts.metrics.text,
    close: parts.close,
  };
};
