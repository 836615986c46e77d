import type { Run } from '../object.ts';

// oxlint-disable-next-line no-control-regex
const beyondLatin = /[^\0-\xff]/;

/** Python's `len` of a text. */
export const codePointLength = (run: Run, text: string): number => {
  if (isFlat(run, text)) return text.length;
  run.meter.spend('walk', text.length);
  let length = 0;
  for (const _ of text) length += 1;
  return length;
};

/** The text's code points, as texts. */
export const codePoints = (run: Run, text: string): readonly string[] => {
  run.meter.spend('spread', text.length);
  // Characters beyond Latin-1 are texts of their own.
  if (beyondLatin.test(text)) run.meter.spend('text', text.length * 12);
  return Array.from(text);
};

/** The text between two code point positions. */
export const sliceText = (run: Run, text: string, start: number, stop: number): string => {
  if (isFlat(run, text)) return text.slice(start, stop);
  return codePoints(run, text).slice(start, stop).join('');
};

/** The UTF-16 position of a code point. */
export const unitIndex = (run: Run, text: string, position: number): number => {
  if (isFlat(run, text)) return position;
  let units = 0;
  run.meter.spend('walk', text.length);
  for (let count = 0; count < position && units < text.length; count += 1) {
    units += text.codePointAt(units)! > 0xffff ? 2 : 1;
  }
  return units;
};

/** The code point position of a UTF-16 index. */
export const codePointIndex = (run: Run, text: string, unit: number): number =>
  codePointLength(run, text.slice(0, unit));

const pair = /[\ud800-\udbff][\udc00-\udfff]/;

/** Whether UTF-16 units and code points of the text are the same thing: almost always, and then indexes need no count. */
const isFlat = (run: Run, text: string): boolean => {
  run.meter.scan(text.length);
  return !pair.test(text);
};
