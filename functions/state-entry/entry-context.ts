import type { RouteConfig, Routing } from '../../shared/routing/routing.ts';
import { monitorSelector, routerSelector } from '../../shared/routing/routing.ts';
import { requireRoute } from '../../shared/routing/selector.ts';
import type { EntryPorts } from './entry-ports.ts';

/** What one call may do before it hands the rest on. */
export interface ReplayLimits {
  /** Rows of one replay in one call. */
  readonly maxReplayRows: number;
  /** Time for the replays of one call. */
  readonly maxReplayMs: number;
}

const defaultReplayLimits: ReplayLimits = { maxReplayRows: 20_000, maxReplayMs: 8_000 };

/** Everything that stays the same between calls. */
export interface EntryContext {
  readonly ports: EntryPorts;
  readonly routes: ReadonlyMap<string, RouteConfig>;
  readonly monitorRoute: RouteConfig;
  readonly routerRoute: RouteConfig;
  readonly limits: ReplayLimits;
}

/** Throws `RoutingError` where the routing file lacks the monitor's or the router's route. */
export const entryContext = (
  ports: EntryPorts,
  routing: Pick<Routing, 'routes'>,
  limits: ReplayLimits = defaultReplayLimits,
): EntryContext => ({
  ports,
  routes: routing.routes,
  monitorRoute: requireRoute(routing.routes, monitorSelector),
  routerRoute: requireRoute(routing.routes, routerSelector),
  limits,
});
