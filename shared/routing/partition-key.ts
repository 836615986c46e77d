import { TerminalError } from '../errors/sync-error.ts';
import { isTruthy } from '../json/is-truthy.ts';
import { isJsonObject, memberOf, type JsonValue } from '../json/json-value.ts';
import type { Evaluator } from '../state/evaluator.ts';
import { pythonStr } from '../json/python-repr.ts';
import type { ProcessorProperties } from './processor-properties.ts';

export interface PartitionInput {
  readonly properties: Pick<ProcessorProperties, 'concurrencyMode' | 'concurrencyExpression'>;
  readonly projectId: string;
  /** The route's id; the processor's if a message names a processor alone. */
  readonly routeId: string;
  /** The envelope's `context`, an empty object if it has none. */
  readonly context: JsonValue;
  /** The first row, the empty list if there is none, or null if there are no rows at all. */
  readonly data: JsonValue;
  readonly evaluate: Evaluator;
}

/** What keeps messages of one processor apart: rows of one partition stay in order (reference.md F.2). */
export const partitionKey = (input: PartitionInput): string => {
  const { concurrencyMode, concurrencyExpression } = input.properties;
  if (concurrencyMode === 'route-id') return input.routeId;
  if (concurrencyMode === 'user-id') {
    const userId = isJsonObject(input.context) ? memberOf(input.context, 'user_id') : undefined;
    // As the reference writes it, null and empty included: routers side by side must choose the same partition.
    return userId === undefined ? input.projectId : pythonStr(userId);
  }
  if (concurrencyMode === 'expression' && concurrencyExpression !== null) {
    return fromExpression(input, concurrencyExpression);
  }
  return input.projectId;
};

const fromExpression = (input: PartitionInput, expression: string): string => {
  const scope = new Map([
    ['data', input.data],
    ['context', input.context],
    ['route_id', input.routeId],
  ]);
  try {
    const result = input.evaluate(expression, scope);
    return isTruthy(result) ? `${input.projectId}.${pythonStr(result)}` : input.projectId;
  } catch (error) {
    // Rows are data: one that the expression does not fit shares the project's partition, it does not fail.
    if (error instanceof TerminalError) return input.projectId;
    throw error;
  }
};
