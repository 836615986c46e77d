import type { SyntaxNode } from '@lezer/common';

import type { Parser } from './parser.ts';
import type { Clause, Comprehension, Node, Target } from './node.ts';
import { childrenOf, splitAtCommas } from './tree-cursor.ts';

const forms: Readonly<Record<string, Comprehension['form']>> = {
  ArrayComprehensionExpression: 'list',
  SetComprehensionExpression: 'set',
  DictionaryComprehensionExpression: 'dict',
};

/** A comprehension or generator, from the children between its brackets. */
export const parseComprehension = (parser: Parser, node: SyntaxNode, inside: readonly SyntaxNode[]): Comprehension => {
  const form = Object.hasOwn(forms, node.name) ? forms[node.name]! : 'generator';
  const start = inside.findIndex(({ name }) => name === 'for' || name === 'async');
  const head = inside.slice(0, start);
  if (head.some(({ name }) => name === '*' || name === '**')) {
    throw parser.invalid(
      head[0]!,
      form === 'dict'
        ? 'dict unpacking cannot be used in dict comprehension'
        : 'iterable unpacking cannot be used in comprehension',
    );
  }
  const [key, , member] = head;
  if (key === undefined || (form === 'dict') !== (member !== undefined)) throw parser.invalid(node);
  const clauses = parseClauses(parser, node, inside.slice(start));
  return {
    kind: 'comprehension',
    form,
    element: parser.expression(key),
    member: member === undefined ? null : parser.expression(member),
    clauses,
    locals: clauses.flatMap(({ target }) => namesOf(target)),
  };
};

/** The clauses after the element: `for ... in ... if ... if ... for ...`. */
const parseClauses = (parser: Parser, parent: SyntaxNode, nodes: readonly SyntaxNode[]): Clause[] => {
  const clauses: { target: Target; iterable: Node; conditions: Node[] }[] = [];
  let index = 0;
  while (index < nodes.length) {
    const node = nodes[index]!;
    if (node.name === 'async') {
      parser.forbid(node, 'AsyncFor statements are not allowed.');
      index += 1;
    } else if (node.name === 'for') {
      const into = nodes.findIndex(({ name }, at) => at > index && name === 'in');
      const iterable = nodes[into + 1];
      if (into === -1 || iterable === undefined) throw parser.invalid(parent);
      clauses.push({
        target: parseTargets(parser, parent, nodes.slice(index + 1, into), false),
        iterable: parser.expression(iterable),
        conditions: [],
      });
      index = into + 2;
    } else if (node.name === 'if' && nodes[index + 1] !== undefined && clauses.length > 0) {
      clauses.at(-1)!.conditions.push(parser.expression(nodes[index + 1]!));
      index += 2;
    } else throw parser.invalid(node);
  }
  return clauses;
};

const parseTargets = (parser: Parser, parent: SyntaxNode, nodes: readonly SyntaxNode[], tuple: boolean): Target => {
  const parts = splitAtCommas(nodes);
  if (!tuple && parts.length === 1) {
    if (parts[0]!.length !== 1) throw parser.invalid(parent);
    return parseTarget(parser, parts[0]![0]!);
  }
  if (parts.at(-1)!.length === 0) parts.pop();
  const targets = parts.map((part): Target => {
    const [first, second] = part;
    if (first === undefined) throw parser.invalid(parent);
    if (first.name !== '*') return parseTarget(parser, first);
    if (second?.name !== 'VariableName') throw parser.invalid(first);
    return { kind: 'starred', name: parser.name(second) };
  });
  if (targets.filter(({ kind }) => kind === 'starred').length > 1) {
    throw parser.invalid(parent, 'multiple starred expressions in assignment');
  }
  return { kind: 'tuple', targets };
};

const parseTarget = (parser: Parser, node: SyntaxNode): Target => {
  if (node.name === 'VariableName') return { kind: 'name', name: parser.name(node) };
  if (node.name === 'ParenthesizedExpression') return parseTarget(parser, childrenOf(node)[1]!);
  if (node.name !== 'TupleExpression' && node.name !== 'ArrayExpression')
    throw parser.invalid(node, 'cannot assign to expression');
  return parseTargets(parser, node, childrenOf(node).slice(1, -1), true);
};

const namesOf = (target: Target): string[] =>
  target.kind === 'tuple' ? target.targets.flatMap(namesOf) : [target.name];
