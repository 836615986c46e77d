import type { Run } from './object.ts';
import { decimalValue, isDecimal, isSpace } from './str/classify.ts';

/** White space of both ends goes, and digits of any script become ASCII ones. */
export const normalizedNumber = (run: Run, text: string): string => {
  run.meter.spend('walk', text.length);
  run.meter.text(text.length);
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text[start]!)) start += 1;
  while (end > start && isSpace(text[end - 1]!)) end -= 1;
  const trimmed = text.slice(start, end);
  if (/^[\0-\x7f]*$/.test(trimmed)) return trimmed;
  run.meter.spend('classify', trimmed.length);
  return Array.from(trimmed, (each) => (each > '\x7f' && isDecimal(each) ? String(decimalValue(each)) : each)).join('');
};
