import { describe, expect, it } from 'vitest';
import { createEvaluator } from '../../../shared/python/evaluate.ts';
import { cellText } from '../../../shared/state/cell-text.ts';

const cellOf = (expression: string, json = false): unknown =>
  cellText(createEvaluator({ nowMs: 0, seed: '' })(expression, new Map()), json);

/* As psycopg2 writes tuples and PostgreSQL prints records. */
describe('a tuple in a text column is a record', () => {
  it.each([
    ['(1, 2)', '(1,2)'],
    ["('a b', 'c', '')", '("a b",c,"")'],
    ['(True, None, 1.0, 1.5)', '(t,,1.0,1.5)'],
    ["('q\"', 'b\\\\', '(', ',')", String.raw`("q""","b\\","(",",")`],
    ['([1, 2], (3, 4))', '("{1,2}","(3,4)")'],
    ['(7,)', '7'],
    ["('a',)", 'a'],
    ['()', '{}'],
    ["({'a': 1}, 2)", '[{"a": 1}, 2]'],
    ['[1, 2]', '{1,2}'],
  ])('%s', (expression, expected) => {
    expect(cellOf(expression)).toBe(expected);
  });

  it('is a list in a json column', () => {
    expect(cellOf('(1, (2, 3))', true)).toBe('[1,[2,3]]');
  });
});
