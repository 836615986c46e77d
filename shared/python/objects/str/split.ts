import { bind, countOr, requireText, signature } from '../arguments.ts';
import { isIterable, iterate } from '../iterate.ts';
import { codePoints } from './code-points.ts';
import { typeError, valueError } from '../python-error.ts';
import { type Method, PyList, PyTuple, type Run } from '../object.ts';
import { isSpace } from './classify.ts';
import { findFirst, findLast, occurrences } from './search.ts';
import { truth } from '../truth.ts';
import { typeName } from '../type-name.ts';

/** White space is one UTF-16 unit, always. */
const spaceAt = (text: string, index: number): boolean => isSpace(text[index]!);

const splitSpaces = (run: Run, text: string, most: number): string[] => {
  run.meter.spend('walk', text.length);
  const parts: string[] = [];
  let index = 0;
  for (;;) {
    while (index < text.length && spaceAt(text, index)) index += 1;
    if (index === text.length) return parts;
    if (parts.length === most) {
      parts.push(text.slice(index));
      return parts;
    }
    const start = index;
    while (index < text.length && !spaceAt(text, index)) index += 1;
    parts.push(text.slice(start, index));
    run.meter.spend('part', 1);
  }
};

const splitSpacesFromRight = (run: Run, text: string, most: number): string[] => {
  run.meter.spend('walk', text.length);
  const parts: string[] = [];
  let index = text.length;
  for (;;) {
    while (index > 0 && spaceAt(text, index - 1)) index -= 1;
    if (index === 0) return parts.reverse();
    if (parts.length === most) {
      parts.push(text.slice(0, index));
      return parts.reverse();
    }
    const end = index;
    while (index > 0 && !spaceAt(text, index - 1)) index -= 1;
    parts.push(text.slice(index, end));
    run.meter.spend('part', 1);
  }
};

const splitBy = (run: Run, text: string, separator: string, most: number): string[] => {
  const parts: string[] = [];
  let start = 0;
  if (most > 0) {
    for (const found of occurrences(run, text, separator)) {
      run.meter.spend('cut', 1);
      parts.push(text.slice(start, found));
      start = found + separator.length;
      if (parts.length === most) break;
    }
  }
  return [...parts, text.slice(start)];
};

const splitByFromRight = (run: Run, text: string, separator: string, most: number): string[] => {
  const parts: string[] = [];
  let end = text.length;
  while (parts.length < most) {
    const found = findLast(run, text, separator, 0, end);
    if (found === -1) break;
    run.meter.spend('part', 1);
    parts.push(text.slice(found + separator.length, end));
    end = found;
  }
  return [...parts, text.slice(0, end)].reverse();
};

const splitter =
  (name: 'split' | 'rsplit'): Method<string> =>
  (run, text, args, named) => {
    const [separator = null, maxsplit] = bind(signature(name, 'sep? maxsplit?', true), args, named);
    const wanted = countOr(maxsplit, -1);
    const most = wanted < 0 ? Infinity : wanted;
    const fromRight = name === 'rsplit' && most !== Infinity;
    let parts: string[];
    if (separator === null) parts = (fromRight ? splitSpacesFromRight : splitSpaces)(run, text, most);
    else {
      if (typeof separator !== 'string') throw typeError(`must be str or None, not ${typeName(separator)}`);
      if (separator === '') throw valueError('empty separator');
      // Without a bound both directions give the same parts, but for separators that overlap themselves.
      const rightmost = name === 'rsplit' && (fromRight || separator.length > 1);
      parts = (rightmost ? splitByFromRight : splitBy)(run, text, separator, most);
    }
    run.meter.items(parts.length);
    return new PyList(parts);
  };

// Separators of files, groups and records end lines too.
// oxlint-disable-next-line no-control-regex
const lineBreaks = /\r\n|[\n\r\v\f\u001c-\u001e\u0085\u2028\u2029]/g;

const splitLines: Method<string> = (run, text, args, named) => {
  const [keep = false] = bind(signature('splitlines', 'keepends?', true), args, named);
  run.meter.scan(text.length * 4);
  const lines: string[] = [];
  let start = 0;
  for (const { index, 0: lineBreak } of text.matchAll(lineBreaks)) {
    run.meter.spend('part', 2);
    const end = index + lineBreak.length;
    lines.push(text.slice(start, truth(keep) ? end : index));
    start = end;
  }
  if (start < text.length) lines.push(text.slice(start));
  run.meter.items(lines.length);
  return new PyList(lines);
};

const partitioner =
  (name: 'partition' | 'rpartition'): Method<string> =>
  (run, text, args, named) => {
    const [separator] = bind(signature(name, 'sep'), args, named);
    if (typeof separator !== 'string') throw typeError(`must be str, not ${typeName(separator ?? null)}`);
    if (separator === '') throw valueError('empty separator');
    const found = (name === 'partition' ? findFirst : findLast)(run, text, separator);
    if (found === -1) return new PyTuple(name === 'partition' ? [text, '', ''] : ['', '', text]);
    return new PyTuple([text.slice(0, found), separator, text.slice(found + separator.length)]);
  };

const join: Method<string> = (run, text, args, named) => {
  const [iterable = null] = bind(signature('str.join', 'iterable'), args, named);
  const parts: string[] = [];
  let length = 0;
  if (!isIterable(iterable)) throw typeError('can only join an iterable');
  for (const item of iterate(run, iterable)) {
    if (typeof item !== 'string') {
      throw typeError(`sequence item ${parts.length}: expected str instance, ${typeName(item)} found`);
    }
    length += item.length + (parts.length > 0 ? text.length : 0);
    run.meter.text(length > run.meter.limits.maxTextLength ? length : item.length);
    parts.push(item);
  }
  run.meter.text(length);
  return parts.join(text);
};

const replace: Method<string> = (run, text, args, named) => {
  const [before, after, most] = bind(signature('replace', 'old new count?'), args, named);
  const old = requireText(before, 'replace() argument 1');
  const replacement = requireText(after, 'replace() argument 2');
  const wanted = countOr(most, -1);
  const times = wanted < 0 ? Infinity : wanted;
  if (old === '') {
    const characters = codePoints(run, text);
    run.meter.spend('part', characters.length);
    run.meter.text(text.length + Math.min(times, characters.length + 1) * replacement.length);
    const spread = characters.map((each, index) => (index < times ? replacement + each : each)).join('');
    return characters.length < times ? spread + replacement : spread;
  }
  const parts = splitBy(run, text, old, times);
  run.meter.text(text.length + (parts.length - 1) * (replacement.length - old.length));
  return parts.join(replacement);
};

/** Methods of a text that take it apart or put it together. */
export const textSplitMethods: readonly (readonly [string, Method<string>])[] = [
  ['split', splitter('split')],
  ['rsplit', splitter('rsplit')],
  ['splitlines', splitLines],
  ['partition', partitioner('partition')],
  ['rpartition', partitioner('rpartition')],
  ['join', join],
  ['replace', replace],
];
