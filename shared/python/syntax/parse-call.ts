import type { SyntaxNode } from '@lezer/common';

import { parseComprehension } from './parse-comprehension.ts';
import type { Parser } from './parser.ts';
import type { NamedArgument, Node, Parameter } from './node.ts';
import { childrenOf, splitAtCommas } from './tree-cursor.ts';

/** A call. `*` and `**` need a helper that the reference does not have: there they fail with this unknown name. */
const unpacking: Node = { kind: 'name', name: '_apply_' };

/** `callee(arguments)`. */
export const parseArguments = (parser: Parser, callee: SyntaxNode, list: SyntaxNode): Node => {
  const called = callee.name === 'VariableName' ? parser.text(callee) : '';
  if (called === 'exec') parser.forbid(callee, 'Exec calls are not allowed.');
  if (called === 'eval') parser.forbid(callee, 'Eval calls are not allowed.');
  const inside = childrenOf(list).slice(1, -1);
  const parts = splitAtCommas(inside);
  if (parts.at(-1)!.length === 0) parts.pop();
  const args: Node[] = [];
  const named: NamedArgument[] = [];
  let unpacks = false;
  for (const part of parts) {
    const [first, second, third] = part;
    if (first === undefined) throw parser.invalid(list);
    if (first.name === '*' || first.name === '**') {
      unpacks = true;
      if (second === undefined) throw parser.invalid(first);
      args.push(parser.expression(second));
    } else if (part.some(({ name }) => name === 'for')) {
      if (parts.length > 1) throw parser.invalid(first, 'Generator expression must be parenthesized');
      args.push(parseComprehension(parser, list, part));
    } else if (second?.name === 'AssignOp') {
      if (third === undefined) throw parser.invalid(second);
      if (parser.text(second) === ':=')
        args.push({ kind: 'assign', name: parser.name(first), value: parser.expression(third) });
      else {
        const name = parser.text(first);
        if (named.some((each) => each.name === name)) throw parser.invalid(first, `keyword argument repeated: ${name}`);
        named.push({ name, value: parser.expression(third) });
      }
    } else {
      if (second !== undefined) throw parser.invalid(second);
      if (named.length > 0) throw parser.invalid(first, 'positional argument follows keyword argument');
      args.push(parser.expression(first));
    }
  }
  return { kind: 'call', callee: unpacks ? unpacking : parser.expression(callee), args, named };
};

/** The parameters of a lambda. */
export const parseParameters = (parser: Parser, list: SyntaxNode): readonly Parameter[] => {
  const parts = splitAtCommas(childrenOf(list));
  if (parts.at(-1)!.length === 0) parts.pop();
  const parameters: Parameter[] = [];
  let form: Parameter['form'] = 'plain';
  for (const part of parts) {
    const [first, second, third] = part;
    if (first?.name === '*' || first?.name === '**') {
      if (second !== undefined) {
        parameters.push({ name: parser.name(second), form: first.name === '*' ? 'rest' : 'keywords', byDefault: null });
      }
      form = 'named';
    } else {
      if (first?.name !== 'VariableName') throw parser.invalid(list);
      const byDefault = third === undefined ? null : parser.expression(third);
      if (second === undefined && form === 'plain' && parameters.some((each) => each.byDefault !== null)) {
        throw parser.invalid(first, 'non-default argument follows default argument');
      }
      parameters.push({ name: parser.name(first), form, byDefault });
    }
  }
  const repeated = parameters.find(({ name }, index) => parameters.findIndex((each) => each.name === name) !== index);
  if (repeated !== undefined)
    throw parser.invalid(list, `duplicate argument '${repeated.name}' in function definition`);
  return parameters;
};
