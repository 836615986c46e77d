import { RetryableError } from '../../shared/errors/sync-error.ts';
import type { Route } from '../../shared/state/state-model.ts';
import { findDestination, type Destination } from './destination.ts';
import type { EntryContext } from './entry-context.ts';
import type { EntryPorts } from './entry-ports.ts';

/** The route with the id. Throws RetryableError `unknown_route`: it may be on its way. */
export const loadRoute = async (ports: EntryPorts, routeId: string): Promise<Route> => {
  const route = await ports.loadRoute(routeId);
  if (!route) throw new RetryableError('unknown_route', `the route ${routeId} is not known`);
  return route;
};

/**
 * The processor with the id and where its messages go. Throws RetryableError `unknown_processor`, `unknown_selector`.
 */
export const loadDestination = async (
  { ports, routes }: Pick<EntryContext, 'ports' | 'routes'>,
  processorId: string,
): Promise<Destination> => {
  const processor = await ports.loadProcessor(processorId);
  if (!processor) throw new RetryableError('unknown_processor', `the processor ${processorId} is not known`);
  return findDestination(routes, processor);
};
