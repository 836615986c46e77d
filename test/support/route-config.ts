import type { RouteConfig } from '../../shared/routing/routing.ts';

/** A plain JetStream route as the routing file's defaults make it. */
export const routeConfig = (selector: string, subject: string, changes: Partial<RouteConfig> = {}): RouteConfig => ({
  selector,
  name: subject.replaceAll('.', '_'),
  url: 'nats://localhost:4222',
  subject,
  queue: null,
  jetstreamEnabled: true,
  ackWaitSeconds: 90,
  batchSize: 1,
  concurrentEnabled: false,
  concurrentMaxWorkers: 10,
  concurrentPriorityEnabled: false,
  concurrentMaxWorkersHigh: 5,
  ...changes,
});

/** The changes that make a route carry priorities and partitions. */
export const withPriority = { concurrentEnabled: true, concurrentPriorityEnabled: true } as const;

export const routesOf = (...routes: readonly RouteConfig[]): ReadonlyMap<string, RouteConfig> =>
  new Map(routes.map((route) => [route.selector, route]));
