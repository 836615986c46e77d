import { TerminalError } from '../errors/sync-error.ts';
import { isTruthy } from '../json/is-truthy.ts';
import { JsonFloat, type JsonValue } from '../json/json-value.ts';
import { partitionToken } from './partition-token.ts';
import type { RouteConfig } from './routing.ts';

/** Whether subjects of the route carry a priority and a partition. */
export const isPriorityRoute = (route: RouteConfig): boolean =>
  route.concurrentEnabled && route.concurrentPriorityEnabled;

/**
 * The subject of one message (reference.md A.4). A plain route gives its base subject, whatever is asked for. A
 * priority route gives `{subject}.{priority}.{partition}`, without the partition if there is none. A missing or empty
 * priority means low. Any other than high and low is a TerminalError `invalid_priority`.
 */
export const subjectFor = (route: RouteConfig, priority: JsonValue | undefined, partition: string | null): string => {
  if (!isPriorityRoute(route)) return route.subject;
  const subject = `${route.subject}.${priorityOf(priority)}`;
  return partition === null || partition === '' ? subject : `${subject}.${partitionToken(partition)}`;
};

const priorityOf = (value: JsonValue | undefined): 'high' | 'low' => {
  if (value === undefined || !isTruthy(value)) return 'low';
  if (value === 'high' || value === 'low') return value;
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : describe(value);
  throw new TerminalError('invalid_priority', `the priority must be "high" or "low", not ${shown}`);
};

const describe = (value: JsonValue | undefined): string =>
  Array.isArray(value) ? 'a list' : value instanceof JsonFloat ? 'a number' : `a value of type ${typeof value}`;
