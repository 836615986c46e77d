import type { Tree } from '@lezer/common';

import { TreeParser } from './tree-parser.ts';
import type { ExpressionLimits } from '../meter/limits.ts';
import { parseSource } from './parse-source.ts';
import type { Node } from './node.ts';
import { invalidSyntax } from './syntax-error.ts';

/** Source -> syntax tree. Throws `PythonError` (`SyntaxError`), `TerminalError` (`expression_limit`). */
export const parseExpression = (source: string, limits: ExpressionLimits, clockMs: () => number): Node => {
  if (/^[ \t\f]/.test(source)) throw invalidSyntax(source, 0, 'IndentationError', 'unexpected indent');
  let text = source;
  // A name here, a statement in the grammar.
  if (source.trim() === 'print') return { kind: 'name', name: '_print' };
  let tree = parseSource(text, limits, clockMs);
  if (firstError(tree) !== undefined) {
    text = /\d\.(?!\w)/.test(source) ? withPointedNumbers(source, tree) : source;
    if (text !== source) tree = parseSource(text, limits, clockMs);
  }
  const error = firstError(tree);
  const parser = new TreeParser(text, limits);
  if (error !== undefined) throw invalidSyntax(source, Math.min(error, source.length));
  return parser.parse(tree);
};

const firstError = (tree: Tree): number | undefined => {
  let at: number | undefined;
  tree.iterate({ enter: ({ type, from }) => void (type.isError && (at ??= from)) });
  return at;
};

/** `1.` is a float that the grammar does not know: where a point without digits is the error, a zero is written for them. */
const withPointedNumbers = (source: string, tree: Tree): string => {
  let repaired = source;
  let shift = 0;
  tree.iterate({
    enter: (cursor) => {
      if (!cursor.type.isError) return;
      const point = cursor.node.prevSibling;
      const number = point?.prevSibling;
      if (point?.name !== '.' || number?.name !== 'Number' || number.to !== point.from) return;
      if (!/^\d[\d_]*$/.test(source.slice(number.from, number.to))) return;
      const at = Math.min(cursor.from, point.to) + shift;
      repaired = `${repaired.slice(0, at)}0${repaired.slice(at)}`;
      shift += 1;
    },
  });
  return repaired;
};
