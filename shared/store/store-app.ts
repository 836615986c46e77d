import { toOutcome } from '../message/to-outcome.ts';
import type { FunctionApp, FunctionRuntime } from '../function/run-function.ts';
import type { Delivery, MessageType } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import { append } from '../postgres/append.ts';
import { markForwarded, readLedger } from '../postgres/ledger.ts';
import { routerSelector } from '../routing/routing.ts';
import { requireRoute } from '../routing/selector.ts';
import type { RequestTrace } from '../telemetry/request-trace.ts';
import { SpanKind } from '../telemetry/trace.ts';
import { createRequestHandler } from '../function/handle-request.ts';
import type { Metadata } from '../metadata/cached-metadata.ts';
import { openParts, type Parts } from '../function/open-parts.ts';
import { storeDeliveries, type Scope, type StorePorts, type StoreTarget } from './store-deliveries.ts';
import { traceMetadata } from '../metadata/traced-metadata.ts';

/** What tells state-direct and state-route apart. */
export interface StoreFunction {
  readonly accepts: readonly MessageType[];
  /** Finds the state of a delivery. Throws what becomes its outcome. */
  target(delivery: Delivery, metadata: Metadata): Promise<{ readonly stateId: string; readonly scope: Scope }>;
}

/** The composition of a function that stores rows: its parts, its ports, its request handler. */
export const createStoreApp = async (runtime: FunctionRuntime, definition: StoreFunction): Promise<FunctionApp> => {
  const parts = await openParts(runtime);
  // A routing file without the router's route is a fault of the configuration: it is found at start.
  requireRoute(parts.routing.routes, routerSelector);
  const process = async (deliveries: readonly Delivery[], trace: RequestTrace): Promise<readonly Outcome[]> => {
    const metadata = traceMetadata(parts.metadata, trace, deliveries);
    const outcomes: Outcome[] = [];
    const targets: StoreTarget[] = [];
    const found = await Promise.all(
      deliveries.map(async (delivery): Promise<StoreTarget | Outcome> => {
        try {
          return { delivery, ...(await definition.target(delivery, metadata)) };
        } catch (error) {
          return toOutcome(delivery.id, error);
        }
      }),
    );
    for (const item of found) {
      if ('outcome' in item) outcomes.push(item);
      else targets.push(item);
    }
    return [...outcomes, ...(await storeDeliveries(targets, portsFor(parts, metadata, trace)))];
  };
  return {
    handle: createRequestHandler({
      functionName: runtime.name,
      accepts: definition.accepts,
      nowMs: runtime.nowMs,
      monotonicMs: runtime.monotonicMs,
      deadlineMs: runtime.config.deadlineMs,
      log: runtime.log,
      metrics: parts.metrics,
      process,
    }),
    metrics: parts.metricsText,
    close: parts.close,
  };
};

const databaseSpan = { 'db.system.name': 'postgresql' } as const;

const portsFor = (parts: Parts, metadata: Metadata, trace: RequestTrace): StorePorts => {
  const { pool, runtime } = parts;
  return {
    state: metadata.state,
    forwardRoutes: metadata.forwardRoutes,
    forgetState: metadata.forgetState,
    append: (request) =>
      trace.share({
        name: 'append state_column_data',
        kind: SpanKind.CLIENT,
        attributes: {
          ...databaseSpan,
          'db.operation.name': 'insert',
          'db.query.summary': 'append state_column_data',
          'db.collection.name': 'state_column_data',
          ...(request.deliveries.length > 1 ? { 'db.operation.batch.size': request.deliveries.length } : {}),
          'ism.state.id': request.stateId,
          'ism.rows': request.deliveries.reduce((sum, delivery) => sum + delivery.rowCount, 0),
          'ism.columns': request.columns.length,
        },
        deliveryIds: request.deliveries.map(({ id }) => id),
        run: () => append(pool, request),
        describe: ({ deliveries }) => ({
          'ism.ledger.hits': deliveries.filter(({ status }) => status === 'duplicate').length,
        }),
        describeOwn: ({ deliveries }) => {
          const byId = new Map(deliveries.map((delivery) => [delivery.id, delivery]));
          return (deliveryId) => {
            const own = byId.get(deliveryId);
            return own === undefined
              ? {}
              : { 'ism.rows': own.rowCount, 'ism.ledger.hits': own.status === 'duplicate' ? 1 : 0 };
          };
        },
      }),
    markForwarded: (ids) =>
      trace.share({
        name: 'update ledger',
        kind: SpanKind.CLIENT,
        attributes: {
          ...databaseSpan,
          'db.operation.name': 'update',
          'db.collection.name': 'ledger',
          ...(ids.length > 1 ? { 'db.operation.batch.size': ids.length } : {}),
        },
        deliveryIds: ids,
        run: () => markForwarded(pool, ids),
      }),
    readLedger: (ids) =>
      trace.share({
        name: 'select ledger',
        kind: SpanKind.CLIENT,
        attributes: {
          ...databaseSpan,
          'db.operation.name': 'select',
          'db.collection.name': 'ledger',
          ...(ids.length > 1 ? { 'db.operation.batch.size': ids.length } : {}),
        },
        deliveryIds: ids,
        run: () => readLedger(pool, ids),
        describe: (found) => ({ 'ism.ledger.hits': found.size }),
        describeOwn: (found) => (id) => ({ 'ism.ledger.hits': found.has(id) ? 1 : 0 }),
      }),
    maxPayloadBytes: () => parts.bus.maxPayloadBytes(),
    publish: (messages, deliveryIds) => parts.publish(messages, deliveryIds, trace),
    evaluators: parts.evaluators,
    routerRoute: requireRoute(parts.routing.routes, routerSelector),
    flatten: runtime.config.flatten,
    onStored: parts.metrics.rows,
  };
};
