import { openFunctionPool } from '../function/function-pool.ts';
import { createMessageApp, type RequestParts } from '../function/message-app.ts';
import { openParts, type Parts } from '../function/open-parts.ts';
import type { FunctionApp, FunctionRuntime } from '../function/run-function.ts';
import type { MessageType } from '../message/delivery.ts';
import type { Metadata } from '../metadata/cached-metadata.ts';
import type { DatabasePool } from '../postgres/database.ts';
import { routerSelector, type RouteConfig } from '../routing/routing.ts';
import { requireRoute } from '../routing/selector.ts';
import type { FindTarget, TargetPorts } from './find-target.ts';
import { findTargets } from './find-targets.ts';
import { createPlanPace, type PlanPace } from '../function/plan-pace.ts';
import { storeDeliveries } from './store-deliveries.ts';
import type { StorePorts } from './store-ports.ts';

/** What tells state-direct and state-route apart. */
export interface StoreFunction {
  readonly accepts: readonly MessageType[];
  readonly target: FindTarget;
}

/** A function that stores rows: finds the state of each delivery, then stores and passes on what belongs to it. */
export const createStoreApp = async (
  runtime: FunctionRuntime,
  definition: StoreFunction,
  pool: DatabasePool = openFunctionPool(runtime),
): Promise<FunctionApp> => {
  const parts = await openParts(runtime, pool);
  // A routing file without the router's route is a fault of the configuration: it is found at start.
  const routerRoute = requireRoute(parts.routing.routes, routerSelector);
  const { monotonicMs, config } = runtime;
  const pace = createPlanPace({ monotonicMs, maxHeldBytes: config.maxExpandedBytes });
  return createMessageApp(parts, {
    accepts: definition.accepts,
    process: async (deliveries, request) => {
      const ports = storePorts(parts, request, routerRoute, pace);
      const { targets, failed } = await findTargets(definition.target, deliveries, targetPorts(request.metadata));
      return [...failed, ...(await storeDeliveries(targets, ports))];
    },
  });
};

const targetPorts = ({ known, route, findProcessor, findProvider }: Metadata): TargetPorts => ({
  route: (id) => known.route(id) ?? route(id),
  findProcessor,
  findProvider,
});

const storePorts = (
  parts: Parts,
  { metadata, database, publish }: RequestParts,
  routerRoute: RouteConfig,
  pace: PlanPace,
): StorePorts => ({
  state: (id) => metadata.known.state(id) ?? metadata.state(id),
  forwardRoutes: (id) => metadata.known.forwardRoutes(id) ?? metadata.forwardRoutes(id),
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
