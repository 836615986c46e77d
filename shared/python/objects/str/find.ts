import { bind, requireText, signature } from '../arguments.ts';
import { codePointIndex, codePointLength, unitIndex } from './code-points.ts';
import { typeError, valueError } from '../python-error.ts';
import type { Method, PyValue, Run } from '../object.ts';
import { searchBounds } from '../slice.ts';
import { findFirst, findLast, occurrences } from './search.ts';
import { typeName } from '../type-name.ts';

interface Search {
  readonly needle: string;
  readonly start: number;
  readonly end: number;
}

/** A search's needle and its bounds in UTF-16 units. */
const searchOf = (run: Run, name: string, text: string, args: readonly (PyValue | undefined)[]): Search => {
  const needle = args[0];
  if (typeof needle !== 'string') throw typeError(`must be str, not ${typeName(needle ?? null)}`);
  if (args[1] === undefined && args[2] === undefined) return { needle, start: 0, end: text.length };
  const length = codePointLength(run, text);
  const [start, end] = searchBounds(args[1], args[2], length);
  // Past the end even an empty needle is not found.
  if (start > length) return { needle, start: text.length + 1, end: text.length };
  return { needle, start: unitIndex(run, text, start), end: unitIndex(run, text, end) };
};

const finder =
  (name: string, find: typeof findFirst, missing: 'minus one' | 'error'): Method<string> =>
  (run, text, args, named) => {
    const { needle, start, end } = searchOf(run, name, text, bind(signature(name, 'sub start? end?'), args, named));
    const found = find(run, text, needle, start, end);
    if (found === -1 && missing === 'error') throw valueError('substring not found');
    return BigInt(found === -1 ? -1 : codePointIndex(run, text, found));
  };

const count: Method<string> = (run, text, args, named) => {
  const { needle, start, end } = searchOf(run, 'count', text, bind(signature('count', 'sub start? end?'), args, named));
  if (start > end) return 0n;
  if (needle === '') return BigInt(codePointLength(run, text.slice(start, end)) + 1);
  let total = 0n;
  for (const _ of occurrences(run, text, needle, start, end)) total += 1n;
  return total;
};

const affixTest =
  (name: string, matches: (text: string, affix: string) => boolean): Method<string> =>
  (run, text, args, named) => {
    const [affix, start, end] = bind(signature(name, 'prefix start? end?'), args, named);
    const isTuple = typeof affix === 'object' && affix !== null && affix.kind === 'tuple';
    if (typeof affix !== 'string' && !isTuple) {
      throw typeError(`${name} first arg must be str or a tuple of str, not ${typeName(affix ?? null)}`);
    }
    const bounds = searchOf(run, name, text, ['', start, end]);
    if (bounds.start > bounds.end) return false;
    const within = text.slice(bounds.start, bounds.end);
    return (isTuple ? affix.items : [affix]).some((each) => {
      if (typeof each !== 'string') throw typeError(`tuple for ${name} must only contain str, not ${typeName(each)}`);
      run.meter.scan(each.length);
      return matches(within, each);
    });
  };

const removePrefix: Method<string> = (run, text, args, named) => {
  const prefix = requireText(bind(signature('removeprefix', 'prefix'), args, named)[0], 'removeprefix() argument');
  run.meter.scan(prefix.length);
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
};

const removeSuffix: Method<string> = (run, text, args, named) => {
  const suffix = requireText(bind(signature('removesuffix', 'suffix'), args, named)[0], 'removesuffix() argument');
  run.meter.scan(suffix.length);
  return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
};

/** Methods of a text that look for another one. */
export const textFindMethods: readonly (readonly [string, Method<string>])[] = [
  ['find', finder('find', findFirst, 'minus one')],
  ['rfind', finder('rfind', findLast, 'minus one')],
  ['index', finder('index', findFirst, 'error')],
  ['rindex', finder('rindex', findLast, 'error')],
  ['count', count],
  ['startswith', affixTest('startswith', (text, affix) => text.startsWith(affix))],
  ['endswith', affixTest('endswith', (text, affix) => text.endsWith(affix))],
  ['removeprefix', removePrefix],
  ['removesuffix', removeSuffix],
];
