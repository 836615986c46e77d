import type { SyntaxNode } from '@lezer/common';

import type { Parser } from './parser.ts';
import type { CompareOperator } from '../objects/operators.ts';
import type { Comparison, Node } from './node.ts';
import { childrenOf } from './tree-cursor.ts';

const comparisons: ReadonlySet<string> = new Set(['<', '<=', '>', '>=', '==', '!=', 'in', 'not in', 'is', 'is not']);

/** Whether the node is `and`, `or`, `not` or a comparison. */
export const isLogic = (parser: Parser, node: SyntaxNode): boolean => {
  if (node.name === 'UnaryExpression') return node.firstChild?.name === 'not';
  if (node.name !== 'BinaryExpression') return false;
  const operator = operatorOf(parser, node);
  return operator === 'and' || operator === 'or' || comparisons.has(operator);
};

/**
 * `or`, `and`, `not` and comparisons. The grammar lets `not` reach over the `and` and `or` that follow it, so its tree is
 * taken apart and put together again by Python's precedence: or < and < not < comparison.
 */
export const parseLogic = (parser: Parser, top: SyntaxNode): Node => {
  const tokens = flatten(parser, top);
  let at = 0;
  const operand = (): Node => {
    const token = tokens[at];
    if (token === undefined || typeof token === 'string') throw parser.invalid(top);
    at += 1;
    return parser.expression(token);
  };
  const comparison = (): Node => {
    const first = operand();
    const rest: Comparison[] = [];
    for (let token = tokens[at]; typeof token === 'string' && comparisons.has(token); token = tokens[at]) {
      at += 1;
      rest.push({ operator: token as CompareOperator, operand: operand() });
    }
    return rest.length === 0 ? first : { kind: 'compare', first, rest };
  };
  const negation = (): Node => {
    let count = 0;
    for (; tokens[at] === 'not'; at += 1) count += 1;
    let node = comparison();
    for (; count > 0; count -= 1) node = { kind: 'not', operand: node };
    return node;
  };
  const chain = (operator: 'and' | 'or', part: () => Node): Node => {
    const operands = [part()];
    for (; tokens[at] === operator;) {
      at += 1;
      operands.push(part());
    }
    return operands.length === 1 ? operands[0]! : { kind: 'either', operator, operands };
  };
  const node = chain('or', () => chain('and', negation));
  if (at < tokens.length) throw parser.invalid(top);
  return node;
};

const operatorOf = (parser: Parser, node: SyntaxNode): string =>
  childrenOf(node)
    .slice(1, -1)
    .map((each) => parser.text(each))
    .join(' ');

type Token = SyntaxNode | string;

/** Operators and operands from left to right, down to what is in parentheses. */
const flatten = (parser: Parser, top: SyntaxNode): Token[] => {
  const tokens: Token[] = [];
  const pending: Token[] = [top];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next === 'string' || !isLogic(parser, next)) tokens.push(next);
    else {
      const children = childrenOf(next);
      const last = children.at(-1)!;
      if (next.name === 'UnaryExpression') pending.push(last, 'not');
      else pending.push(last, operatorOf(parser, next), children[0]!);
    }
  }
  return tokens;
};
