import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../shared/errors/sync-error.ts';
import { entriesOf, isJsonObject } from '../../shared/json/json-value.ts';
import { parseJson } from '../../shared/json/parse-json.ts';
import { pythonJson } from '../../shared/json/write-json.ts';
import type { ExpressionScope } from '../../shared/python/scope.ts';
import { createEvaluator } from '../../shared/python/evaluate.ts';
import type { PythonError } from '../../shared/python/objects/python-error.ts';
import { readVectors } from '../support/vectors.ts';
import { isMessageOf } from '../support/withheld-message.ts';

interface ExpressionInput {
  readonly expression: string;
  readonly variables_json: string;
}

interface ExpressionVector {
  readonly expected_json?: string;
  readonly expected_repr?: string;
}

const scopeOf = (json: string): ExpressionScope => {
  const variables = parseJson(json);
  if (!isJsonObject(variables)) throw new Error('the variables of a case are an object');
  return new Map(entriesOf(variables));
};

const outcomeOf = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error;
  }
};

describe('expressions evaluate as recorded', () => {
  const vectors = readVectors<ExpressionInput, never>('expressions').map((each) => ({
    ...each,
    ...(each as ExpressionVector),
  }));

  it.each(vectors)('$name', ({ input, error, expected_json, expected_repr }) => {
    const evaluate = createEvaluator({ nowMs: 0, seed: 'delivery' });
    const scope = scopeOf(input.variables_json);
    const outcome = outcomeOf(() => evaluate(input.expression, scope));
    if (error === undefined) {
      expect(pythonJson(outcome as never, { ascii: true })).toBe(expected_json);
      // The text of the value tells a tuple from a list, which JSON does not.
      if (input.expression !== input.expression.trim() || input.expression.includes('#')) return;
      expect(evaluate(`repr((${input.expression}))`, scope)).toBe(expected_repr);
      return;
    }
    expect(outcome).toBeInstanceOf(TerminalError);
    const { code, cause } = outcome as TerminalError;
    const { type, message } = cause as PythonError;
    expect({ code, type }).toEqual({ code: 'invalid_expression', type: error.type });
    // Ours says `<value>` for a value of the data.
    expect([message, isMessageOf(message, error.message)]).toEqual([message, true]);
  });
});
