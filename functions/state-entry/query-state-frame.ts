import { isTruthy } from '../../shared/json/is-truthy.ts';
import { memberOf, type JsonObject, type JsonValue } from '../../shared/json/json-value.ts';
import { pythonJson } from '../../shared/json/write-json.ts';

/** The text around the rows of a `query_state` message, ASCII. */
export interface QueryStateFrame {
  readonly head: string;
  readonly tail: string;
}

/** The envelope's context; an empty object if it is absent or says nothing. */
export const contextOf = (message: JsonObject): JsonValue => {
  const context = memberOf(message, 'context');
  return context !== undefined && isTruthy(context) ? context : {};
};

/**
 * What a processor gets around its rows, keys in the reference's order (reference.md B.3). A message for a processor
 * alone has no `route_id`, and its `input_route_id` is null. A replay names its processor too, which the reference
 * forgets (G-39).
 */
export const queryStateFrame = (message: JsonObject, routeId: string | null, processorId: string): QueryStateFrame => {
  const inputRouteId = routeId === null ? null : (memberOf(message, 'input_route_id') ?? null);
  const head = [
    '{"type": "query_state"',
    `"input_route_id": ${text(inputRouteId)}`,
    `"context": ${text(contextOf(message))}`,
    ...(routeId === null ? [] : [`"route_id": ${text(routeId)}`]),
    `"processor_id": ${text(processorId)}`,
    '"query_state": [',
  ].join(', ');
  return { head, tail: ']}' };
};

const text = (value: JsonValue): string => pythonJson(value, { ascii: true });
