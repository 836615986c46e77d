import type { Run } from './run.ts';

/** Products of the two lengths up to here go to the engine's own search, whose worst case is about their product. */
const maxNativeProduct = 1_000_000;

/** Knuth, Morris and Pratt's table: the length of the longest proper border of every prefix. */
const borders = (needle: string): Int32Array => {
  const table = new Int32Array(needle.length);
  let length = 0;
  for (let index = 1; index < needle.length; index += 1) {
    while (length > 0 && needle.charCodeAt(index) !== needle.charCodeAt(length)) length = table[length - 1]!;
    if (needle.charCodeAt(index) === needle.charCodeAt(length)) length += 1;
    table[index] = length;
  }
  return table;
};

/** Non-overlapping places of a non-empty needle from left to right, in time linear in both lengths. */
export function* occurrences(run: Run, text: string, needle: string, start = 0, end = text.length): Generator<number> {
  if (needle.length > end - start) return;
  if ((end - start) * needle.length <= maxNativeProduct) {
    run.meter.scan(end - start);
    const within = end === text.length ? text : text.slice(0, end);
    let from = start;
    for (;;) {
      const found = within.indexOf(needle, from);
      if (found === -1) return;
      run.meter.charge(1);
      yield found;
      from = found + needle.length;
    }
  }
  run.meter.scan((end - start + needle.length) * 2);
  const table = borders(needle);
  let matched = 0;
  for (let index = start; index < end; index += 1) {
    while (matched > 0 && text.charCodeAt(index) !== needle.charCodeAt(matched)) matched = table[matched - 1]!;
    if (text.charCodeAt(index) === needle.charCodeAt(matched)) matched += 1;
    if (matched === needle.length) {
      run.meter.charge(1);
      yield index - needle.length + 1;
      matched = 0;
    }
  }
}

/** First place of the needle between two UTF-16 positions, or -1. */
export const findFirst = (run: Run, text: string, needle: string, start = 0, end = text.length): number => {
  if (start > end) return -1;
  if (needle === '') return start;
  for (const found of occurrences(run, text, needle, start, end)) return found;
  return -1;
};

const reversed = (text: string): string => text.split('').reverse().join('');

/** Last place of the needle between two UTF-16 positions, or -1. */
export const findLast = (run: Run, text: string, needle: string, start = 0, end = text.length): number => {
  if (start > end) return -1;
  if (needle === '') return end;
  if (needle.length > end - start) return -1;
  if ((end - start) * needle.length <= maxNativeProduct) {
    run.meter.scan(end - start);
    const found = text.lastIndexOf(needle, end - needle.length);
    return found < start ? -1 : found;
  }
  run.meter.scan((end - start) * 8);
  const found = findFirst(run, reversed(text.slice(start, end)), reversed(needle));
  return found === -1 ? -1 : end - found - needle.length;
};

/** Whether the needle is in the text. */
export const contains = (run: Run, text: string, needle: string): boolean => findFirst(run, text, needle) !== -1;
