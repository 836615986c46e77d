import { RetryableError } from '../../shared/errors/sync-error.ts';
import { readProcessorProperties, type ProcessorProperties } from '../../shared/routing/processor-properties.ts';
import type { RouteConfig } from '../../shared/routing/routing.ts';
import { matchRoute } from '../../shared/routing/selector.ts';
import type { Processor, Route } from '../../shared/state/state-model.ts';
import type { EntryContext, EntryPorts } from './entry-ports.ts';

/** A processor and where its messages go. */
export interface Destination {
  readonly processor: Processor;
  readonly properties: ProcessorProperties;
  readonly route: RouteConfig;
}

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

/**
 * Finds the route of a processor by its provider (reference.md F.2). Throws RetryableError `unknown_selector` if
 * there is none or if it cannot confirm what it takes; TerminalError `invalid_properties`.
 */
const findDestination = (routes: ReadonlyMap<string, RouteConfig>, processor: Processor): Destination => {
  const { providerId } = processor;
  if (providerId === null || providerId === '') {
    throw new RetryableError('unknown_selector', `the processor ${processor.id} has no provider`);
  }
  const route = matchRoute(routes, providerId);
  if (!route) throw new RetryableError('unknown_selector', `the routing file has no route for ${providerId}`);
  if (!route.jetstreamEnabled) {
    throw new RetryableError('unknown_selector', `the route ${route.selector} has JetStream switched off`);
  }
  return { processor, properties: readProcessorProperties(processor.properties), route };
};
