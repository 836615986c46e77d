import { parser } from '@lezer/python';
import type { Tree } from '@lezer/common';

import { TerminalError } from '../../errors/sync-error.ts';
import type { ExpressionLimits } from '../meter/limits.ts';
import { tooSlow } from '../meter/meter.ts';

/** Steps of the parser between two looks at the clock. */
const stepsPerLook = 256;

/**
 * The parser's tree of a source, within the bounds of length, nesting and time. Throws `TerminalError`
 * (`expression_limit`), `RetryableError` (`expression_timeout`); what is no Python at all is still a tree, with error nodes in it.
 */
export const parseSource = (source: string, limits: ExpressionLimits, clockMs: () => number): Tree => {
  if (source.length > limits.maxSourceCharacters) {
    throw new TerminalError(
      'expression_limit',
      `the expression is longer than ${limits.maxSourceCharacters} characters`,
    );
  }
  checkBrackets(source, limits);
  const startedMs = clockMs();
  const parse = parser.startParse(source);
  for (let step = 1; ; step += 1) {
    const tree = parse.advance();
    if (tree !== null) return tree;
    if (step > limits.maxParserSteps) {
      throw new TerminalError(
        'expression_limit',
        `the expression takes more than ${limits.maxParserSteps} steps to parse`,
      );
    }
    if (step % stepsPerLook === 0 && clockMs() - startedMs > limits.maxTimeMs) throw tooSlow(limits);
  }
};

const literalStart = /([a-zA-Z]*)('''|"""|'|")/y;

/**
 * Refuses a source with too many open brackets before the parser sees it: time and stack of parsing grow with them. Text
 * literals are skipped; within formatted ones brackets count, and all of them are taken for closed at the end.
 */
const checkBrackets = (source: string, limits: ExpressionLimits): void => {
  let open = 0;
  for (let index = 0; index < source.length; index += 1) {
    const character = source[index]!;
    if ('([{'.includes(character)) {
      open += 1;
      if (open > limits.maxNesting) throw tooDeep(limits);
    } else if (')]}'.includes(character)) open = Math.max(open - 1, 0);
    else if (character === '#') {
      while (index + 1 < source.length && source[index + 1] !== '\n') index += 1;
    } else if (/['"a-zA-Z_]/.test(character)) {
      literalStart.lastIndex = index;
      const match = literalStart.exec(source);
      if (match !== null) index = skipLiteral(source, index + match[0].length, match, open, limits);
      else while (index + 1 < source.length && /\w/.test(source[index + 1]!)) index += 1;
    }
  }
};

const tooDeep = (limits: ExpressionLimits): TerminalError =>
  new TerminalError('expression_limit', `the expression nests deeper than ${limits.maxNesting} levels`);

const skipLiteral = (
  source: string,
  start: number,
  match: RegExpExecArray,
  open: number,
  limits: ExpressionLimits,
): number => {
  const quote = match[2]!;
  const formatted = /f/i.test(match[1]!);
  let within = open;
  let index = start;
  while (index < source.length && !source.startsWith(quote, index)) {
    if (formatted && '([{'.includes(source[index]!)) within += 1;
    if (within > limits.maxNesting) throw tooDeep(limits);
    index += source[index] === '\\' ? 2 : 1;
  }
  return index + quote.length - 1;
};
