import { RoutingError } from './routing-error.ts';
import type { RouteConfig } from './routing.ts';

type Routes = ReadonlyMap<string, RouteConfig>;

/**
 * The route with exactly this selector; a wildcard is only matched literally. Throws {@link RoutingError} without one.
 */
export const requireRoute = (routes: Routes, selector: string): RouteConfig => {
  const route = routes.get(selector);
  if (!route) throw new RoutingError([`has no route for the selector ${selector}`]);
  return route;
};

/**
 * The route for a lookup such as a processor's `provider_id`, or undefined. An equal selector wins, then the longest of
 * those that end in slash and star. As in the reference the prefix needs no slash after it: `a/b/*` matches `a/bcd`
 * (reference.md A.3). If two prefixes match, the reference fails; here the longer one wins.
 */
export const matchRoute = (routes: Routes, lookup: string): RouteConfig | undefined => {
  const exact = routes.get(lookup);
  if (exact) return exact;
  let best: RouteConfig | undefined;
  let bestLength = -1;
  for (const [selector, route] of routes) {
    if (!selector.endsWith('/*')) continue;
    const prefix = selector.slice(0, -2);
    if (prefix.length <= bestLength || !lookup.startsWith(prefix)) continue;
    best = route;
    bestLength = prefix.length;
  }
  return best;
};
