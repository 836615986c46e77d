import { createMessageApp, type RequestParts } from '../function/message-app.ts';
import { openParts, type Parts } from '../function/open-parts.ts';
import type { FunctionApp, FunctionRuntime } from '../function/run-function.ts';
import type { Delivery, MessageType } from '../message/delivery.ts';
import type { Outcome } from '../message/outcome.ts';
import { toOutcome } from '../message/to-outcome.ts';
import type { Metadata } from '../metadata/cached-metadata.ts';
import { routerSelector, type RouteConfig } from '../routing/routing.ts';
import { requireRoute } from '../routing/selector.ts';
import type { FindTarget } from './find-target.ts';
import { createPlanPace, type PlanPace } from './plan-pace.ts';
import { storeDeliveries } from './store-deliveries.ts';
import type { StorePorts, StoreTarget } from './store-ports.ts';

/** What tells state-direct and state-route apart. */
export interface StoreFunction {
  readonly accepts: readonly MessageType[];
  readonly target: FindTarget;
}

/** A function that stores rows: finds the state of each delivery, then stores and passes on what belongs to it. */
export const createStoreApp = async (runtime: FunctionRuntime, definition: StoreFunction): Promise<FunctionApp> => {
  const parts = await openParts(runtime);
  // A routing file without the router's route is a fault of the configuration: it is found at start.
  const routerRoute = requireRoute(parts.routing.routes, routerSelector);
  const { monotonicMs, config } = runtime;
  const pace = createPlanPace({ monotonicMs, maxHeldBytes: config.maxExpandedBytes });
  return createMessageApp(parts, {
    accepts: definition.accepts,
    process: async (deliveries, request) => {
      const found = await Promise.all(deliveries.map((delivery) => findTarget(definition, delivery, request.metadata)));
      const failed = found.filter((item): item is Outcome => 'outcome' in item);
      const targets = found.filter((item): item is StoreTarget => !('outcome' in item));
      return [...failed, ...(await storeDeliveries(targets, storePorts(parts, request, routerRoute, pace)))];
    },
  });
};

const findTarget = async (
  definition: StoreFunction,
  delivery: Delivery,
  metadata: Metadata,
): Promise<StoreTarget | Outcome> => {
  try {
    return { delivery, ...(await definition.target(delivery, metadata)) };
  } catch (error) {
    return toOutcome(delivery.id, error);
  }
};

const storePorts = (
  parts: Parts,
  { metadata, database, publish }: RequestParts,
  routerRoute: RouteConfig,
  pace: PlanPace,
): StorePorts => ({
  state: metadata.state,
  forwardRoutes: metadata.forwardRoutes,
  forgetState: metadata.forgetState,
  append: database.append,
  markForwarded: database.markForwarded,
  readLedger: database.readLedger,
  publish,
  maxPayloadBytes: parts.bus.maxPayloadBytes,
  evaluators: parts.evaluators,
  routerRoute,
  flatten: parts.runtime.config.flatten,
  maxExpandedBytes: parts.runtime.config.maxExpandedBytes,
  maxStateColumns: parts.runtime.config.maxStateColumns,
  pace,
  onStored: parts.metrics.rows,
});
