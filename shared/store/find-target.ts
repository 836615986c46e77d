import { TerminalError } from '../errors/sync-error.ts';
import type { Delivery } from '../message/delivery.ts';
import { readId } from '../message/envelope.ts';
import type { Metadata } from '../metadata/cached-metadata.ts';
import { routeScope } from './route-scope.ts';
import type { StoreTarget } from './store-ports.ts';

/** Finds the state of a delivery, and the variables of its expressions. Throws what becomes its outcome. */
export type FindTarget = (
  delivery: Pick<Delivery, 'message'>,
  metadata: Pick<Metadata, 'route' | 'findProcessor' | 'findProvider'>,
) => Promise<Pick<StoreTarget, 'stateId' | 'scope'>>;

/** `query_state_direct`: the state that the message names (reference.md B.1). */
export const findDirectTarget: FindTarget = async ({ message }) => {
  const stateId = readId(message, 'state_id');
  return { stateId, scope: new Map([['state_id', stateId]]) };
};

/** `query_state_route`: the state behind the OUTPUT route that the message names (reference.md B.1). */
export const findRouteTarget: FindTarget = async ({ message }, metadata) => {
  const route = await metadata.route(readId(message, 'route_id'));
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
