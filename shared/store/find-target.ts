import { TerminalError } from '../errors/sync-error.ts';
import type { Delivery } from '../message/delivery.ts';
import { readId } from '../message/envelope.ts';
import type { Metadata } from '../metadata/cached-metadata.ts';
import type { Route } from '../state/state-model.ts';
import { routeScope } from './route-scope.ts';
import type { StoreTarget } from './store-ports.ts';

/** What finding a target asks of the metadata; a route that is known needs no promise. */
export interface TargetPorts extends Pick<Metadata, 'findProcessor' | 'findProvider'> {
  route(id: string): Route | Promise<Route>;
}

/** The state of deliveries, and the variables of their expressions. */
export type Target = Pick<StoreTarget, 'stateId' | 'scope'>;

/** Finds the target of a delivery: by an id that its message names, the same for all that name it. */
export interface FindTarget {
  /** @throws TerminalError `missing_state_id`, `missing_route_id` */
  idOf(delivery: Pick<Delivery, 'message'>): string;
  /** Throws, or rejects with, what becomes the outcome of those deliveries. */
  find(id: string, metadata: TargetPorts): Target | Promise<Target>;
}

/** `query_state_direct`: the state that the message names (reference.md B.1). */
export const findDirectTarget: FindTarget = {
  idOf: ({ message }) => readId(message, 'state_id'),
  find: (stateId) => ({ stateId, scope: new Map([['state_id', stateId]]) }),
};

/** `query_state_route`: the state behind the OUTPUT route that the message names (reference.md B.1). */
export const findRouteTarget: FindTarget = {
  idOf: ({ message }) => readId(message, 'route_id'),
  find: (id, metadata) => {
    const route = metadata.route(id);
    return route instanceof Promise
      ? route.then((loaded) => behindRoute(loaded, metadata))
      : behindRoute(route, metadata);
  },
};

const behindRoute = (route: Route, metadata: TargetPorts): Target => {
  if (route.stateId === '') throw new TerminalError('ambiguous_route', `the route ${route.id} has no state`);
  return {
    stateId: route.stateId,
    // Read only if an expression can ask for them.
    scope: async () => {
      const processor = await metadata.findProcessor(route.processorId);
      const provider = processor?.providerId ? await metadata.findProvider(processor.providerId) : undefined;
      return routeScope(route, processor, provider);
    },
  };
};
