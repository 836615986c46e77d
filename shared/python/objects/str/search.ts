import type { Run } from '../object.ts';

/** Products of the two lengths up to here go to the engine's own search, whose worst case is about their product. */
const maxNativeProduct = 32_000_000;

/** How much slower a character of our own search is than one of a native pass. */
const ownSearchFactor = 10;

/** Non-overlapping places of a non-empty needle from left to right, in bounded time. */
export function* occurrences(run: Run, text: string, needle: string, start = 0, end = text.length): Generator<number> {
  if (needle.length > end - start) return;
  const native = isNative(run, end - start, needle.length);
  const within = end === text.length ? text : text.slice(0, end);
  const table = native ? new Int32Array() : borders(needle);
  for (let from = start; ;) {
    const found = native ? within.indexOf(needle, from) : linearFind(text, needle, table, from, end);
    if (found === -1) return;
    run.meter.charge(1);
    yield found;
    from = found + needle.length;
  }
}

/** First place of the needle between two UTF-16 positions, or -1. */
export const findFirst = (run: Run, text: string, needle: string, start = 0, end = text.length): number => {
  if (start > end) return -1;
  if (needle === '') return start;
  for (const found of occurrences(run, text, needle, start, end)) return found;
  return -1;
};

/** Last place of the needle between two UTF-16 positions, or -1. */
export const findLast = (run: Run, text: string, needle: string, start = 0, end = text.length): number => {
  if (start > end) return -1;
  if (needle === '') return end;
  if (needle.length > end - start) return -1;
  if ((end - start) * needle.length <= maxNativeProduct) {
    const found = Math.max(text.lastIndexOf(needle, end - needle.length), start - 1);
    // Charged by the way that it went: a split from the right searches again and again.
    isNative(run, end - found, needle.length);
    return found < start ? -1 : found;
  }
  run.meter.scan((end - start) * ownSearchFactor * 2);
  const backwards = reversed(needle);
  const found = linearFind(reversed(text.slice(start, end)), backwards, borders(backwards), 0, end - start);
  return found === -1 ? -1 : end - found - needle.length;
};

/** Whether the needle is in the text. */
export const contains = (run: Run, text: string, needle: string): boolean => findFirst(run, text, needle) !== -1;

/** Comparisons of the engine's search in the time of one step. */
const comparisonsPerStep = 256;

/** Charges a search and says whether the engine's own is safe for it. */
const isNative = (run: Run, length: number, needleLength: number): boolean => {
  const product = length * needleLength;
  if (product > maxNativeProduct) {
    run.meter.scan((length + needleLength) * ownSearchFactor);
    return false;
  }
  run.meter.scan(length);
  run.meter.charge(Math.floor(product / comparisonsPerStep));
  return true;
};

/** Knuth, Morris and Pratt's table: the length of the longest proper border of every prefix. */
const borders = (needle: string): Int32Array => {
  const table = new Int32Array(needle.length);
  let length = 0;
  for (let index = 1; index < needle.length; index += 1) {
    const unit = needle.charCodeAt(index);
    while (length > 0 && unit !== needle.charCodeAt(length)) length = table[length - 1]!;
    if (unit === needle.charCodeAt(length)) length += 1;
    table[index] = length;
  }
  return table;
};

/** First place in time linear in both lengths, or -1. */
const linearFind = (text: string, needle: string, table: Int32Array, start: number, end: number): number => {
  let matched = 0;
  for (let index = start; index < end; index += 1) {
    const unit = text.charCodeAt(index);
    while (matched > 0 && unit !== needle.charCodeAt(matched)) matched = table[matched - 1]!;
    if (unit === needle.charCodeAt(matched)) matched += 1;
    if (matched === needle.length) return index - needle.length + 1;
  }
  return -1;
};

const reversed = (text: string): string => text.split('').reverse().join('');
