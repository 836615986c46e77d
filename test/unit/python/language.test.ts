import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../shared/errors/sync-error.ts';
import type { ExpressionScope } from '../../../shared/python/scope.ts';
import { createEvaluatorFactory } from '../../../shared/python/evaluate.ts';
import type { PythonError } from '../../../shared/python/objects/python-error.ts';
import { readVectors } from '../../support/vectors.ts';
import { isMessageOf } from '../../support/withheld-message.ts';

/*
 * Cases that CPython 3.11 under RestrictedPython 9 has answered: an expression is its own name, the answer is the repr of its
 * value or the exception. Left out is what differs on purpose: complex numbers, addresses in reprs, names of characters
 * (`\N{...}`), starred targets in comprehensions, and the wording of syntax errors that the compiler explains at length.
 */
const scope: ExpressionScope = new Map<string, never>(
  Object.entries({
    query_state: {
      a: 7,
      b: 'Hello',
      c: 1.5,
      d: null,
      e: [1, 2, 3],
      f: { g: 'x' },
      t: true,
      s: '  Grüße, Welt! 😀 ',
      n: -12,
      z: '',
      l: ['b', 'a', 'C'],
    },
    route_id: 'r1',
    id: 's1',
    data: { 'A b': 1 },
  }) as unknown as [string, never][],
);

const evaluators = createEvaluatorFactory();

const answerOf = (expression: string): unknown => {
  try {
    return evaluators({ nowMs: 0, seed: '' })(expression, scope);
  } catch (error) {
    if (!(error instanceof TerminalError) || error.code !== 'invalid_expression') throw error;
    const { type, message } = error.cause as PythonError;
    return { type, message };
  }
};

describe('expressions mean what they mean to Python', () => {
  it.each(readVectors<never, string>('expression-language'))('$name', ({ name, expected, error }) => {
    if (error === undefined) expect(answerOf(`repr((${name}\n))`)).toBe(expected);
    else {
      const answer = answerOf(name) as { type: string; message: string };
      expect(answer.type).toBe(error.type);
      // Ours says `<value>` for a value of the data.
      expect([answer.message, isMessageOf(answer.message, error.message)]).toEqual([answer.message, true]);
    }
  });
});
