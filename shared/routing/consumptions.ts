import type { RouteConfig } from './routing.ts';

/** A durable of a route, and what it receives. */
export interface Consumption {
  readonly durable: string;
  readonly filterSubjects: readonly string[];
}

/** The durables of a route and what each receives (reference.md A.4). */
export const consumptionsOf = (route: RouteConfig): readonly Consumption[] => {
  const { name, subject } = route;
  if (!route.concurrentEnabled || !route.concurrentPriorityEnabled) {
    return [{ durable: `${name}_sub_1`, filterSubjects: [subject, `${subject}.>`] }];
  }
  return [
    { durable: `${name}_high_1`, filterSubjects: [`${subject}.high`, `${subject}.high.>`] },
    { durable: `${name}_low_1`, filterSubjects: [subject, `${subject}.low`, `${subject}.low.>`] },
  ];
};
