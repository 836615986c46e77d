import type { Arrival } from './plain-client.ts';
import type { Workflow } from './workflow.ts';

/** What reached the processors of one run: per route, how often each order came, and in how many messages. */
export interface RouteArrivals {
  readonly subjects: ReadonlySet<string>;
  readonly messages: number;
  readonly orders: ReadonlyMap<number, number>;
}

export interface ArrivalLog {
  /** Takes one message in; other runs' messages are none of ours. */
  readonly add: (arrival: Arrival) => void;
  /** Orders that have come, summed over the routes. */
  orderCount(): number;
  byRoute(): ReadonlyMap<string, RouteArrivals>;
}

interface QueryState {
  readonly type?: unknown;
  readonly route_id?: unknown;
  readonly query_state?: readonly Readonly<Record<string, unknown>>[];
}

/** Counts forwards by route and order; stored rows carry the cleaned name of the key column. */
export const createArrivalLog = (workflow: Workflow): ArrivalLog => {
  const routes = new Map(
    workflow.processors.map(({ routeId }) => [
      routeId,
      { subjects: new Set<string>(), messages: 0, orders: new Map<number, number>() },
    ]),
  );
  let total = 0;
  return {
    add: (arrival) => {
      const body = JSON.parse(arrival.body) as QueryState;
      const route = typeof body.route_id === 'string' ? routes.get(body.route_id) : undefined;
      if (route === undefined || body.type !== 'query_state') return;
      route.subjects.add(arrival.subject);
      route.messages += 1;
      for (const row of body.query_state ?? []) {
        const order = Number(row['order_id']);
        route.orders.set(order, (route.orders.get(order) ?? 0) + 1);
        total += 1;
      }
    },
    orderCount: () => total,
    byRoute: () => routes,
  };
};
