import { TerminalError } from '../errors/sync-error.ts';
import { maxJsonDepth } from './json-limits.ts';
import type { JsonValue } from './json-value.ts';
import { parseLossless } from './parse-lossless.ts';

/**
 * Reads JSON text as Python does (reference.md section 0) and keeps what {@link JsonValue} can tell apart.
 *
 * Most texts hold nothing that `JSON.parse` would lose. So it runs first, and two cheap looks decide whether that was
 * enough: a walk over the values (depth, order of keys, integers beyond 2^53), and, only where an integral number was
 * met, a search of the text for float literals that could have become it. Else the lossless parser reads the text anew.
 *
 * Throws `TerminalError`: `invalid_json`, `nesting_too_deep`.
 */
export const parseJson = (text: string): JsonValue => {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // Not JSON, or JSON with the tokens that Python adds: the lossless parser tells which, with a position.
    return parseLossless(text);
  }
  const finding = inspect(value, 1);
  if (finding === lossless || (finding !== lossy && !hasIntegralFloat(text, finding === largeIntegral))) return value;
  return parseLossless(text);
};

/* What the walk over the parsed value has found, the strongest last. */
const lossless = 0;
const integral = 1;
const largeIntegral = 2;
const lossy = 3;
type Finding = typeof lossless | typeof integral | typeof largeIntegral | typeof lossy;

/** From here on a float with any fraction may round to an integer; below, only one that begins with 000 or 999. */
const fractionsRound = 1e13;

const ofNumber = (value: number): Finding => {
  // An infinity may have been an integer of more than 308 digits.
  if (!Number.isInteger(value)) return Number.isFinite(value) ? lossless : lossy;
  const magnitude = Math.abs(value);
  if (magnitude < fractionsRound) return value === 0 && 1 / value < 0 ? lossy : integral;
  return magnitude <= Number.MAX_SAFE_INTEGER ? largeIntegral : lossy;
};

const indexLike = /^\d{1,10}$/;

const inspect = (value: JsonValue, depth: number): Finding => {
  if (typeof value === 'number') return ofNumber(value);
  if (typeof value !== 'object' || value === null) return lossless;
  if (depth > maxJsonDepth) {
    throw new TerminalError('nesting_too_deep', `JSON is nested deeper than ${maxJsonDepth} levels`);
  }
  return Array.isArray(value) ? inspectArray(value, depth) : inspectObject(value as Record<string, JsonValue>, depth);
};

const inspectArray = (array: readonly JsonValue[], depth: number): Finding => {
  let finding: Finding = lossless;
  for (let index = 0; index < array.length; index++) {
    const found = inspect(array[index]!, depth + 1);
    if (found > finding) {
      if (found === lossy) return lossy;
      finding = found;
    }
  }
  return finding;
};

/** Keys that look like array indexes come first in a plain object, so the first key tells whether there is one. */
const inspectObject = (object: Record<string, JsonValue>, depth: number): Finding => {
  let finding: Finding = lossless;
  let first = true;
  // JSON.parse makes plain objects without inherited members, and `for in` is the cheapest way over them.
  // oxlint-disable-next-line guard-for-in
  for (const key in object) {
    if (first) {
      if (key.charCodeAt(0) <= 57 && indexLike.test(key)) return lossy;
      first = false;
    }
    if (key === '__proto__') return lossy;
    const item = object[key]!;
    let found: Finding;
    if (typeof item === 'number') {
      // Small integers are by far the most frequent numbers; this is `ofNumber` for them without the call.
      found = (item | 0) === item && item !== 0 ? integral : ofNumber(item);
    } else if (typeof item === 'object' && item !== null) found = inspect(item, depth + 1);
    else continue;
    if (found > finding) {
      if (found === lossy) return lossy;
      finding = found;
    }
  }
  return finding;
};

const suspects = /\d(?:[eE][-+\d]|\.(?:0+(?!\d)|000|999))/g;
const suspectsAmongLarge = /\d(?:[eE][-+\d]|\.(?:0+(?!\d)|000|999)|\d{12}\.)/g;

/** Whether the text may hold a float literal with an integral value; prose and identifiers that look alike are told apart. */
const hasIntegralFloat = (text: string, large: boolean): boolean => {
  const pattern = large ? suspectsAmongLarge : suspects;
  pattern.lastIndex = 0;
  while (pattern.test(text)) {
    const { lastIndex } = pattern;
    if (isIntegralFloatAt(text, lastIndex - 1)) {
      pattern.lastIndex = 0;
      return true;
    }
    pattern.lastIndex = lastIndex;
  }
  return false;
};

const inNumber = (code: number): boolean =>
  (code >= 48 && code <= 57) || code === 46 || code === 45 || code === 43 || code === 101 || code === 69;
const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;

/** A longer run of digits, points and signs is left to the lossless parser, so the search stays linear. */
const maxLiteral = 400;

const isIntegralFloatAt = (text: string, position: number): boolean => {
  let start = position;
  while (start > 0 && inNumber(text.charCodeAt(start - 1))) {
    start--;
    if (position - start > maxLiteral) return true;
  }
  let before = start - 1;
  while (before >= 0 && isSpace(text.charCodeAt(before))) before--;
  const opener = before < 0 ? ',' : text[before];
  if (opener !== ':' && opener !== ',' && opener !== '[') return false;
  let end = position + 1;
  while (end < text.length && inNumber(text.charCodeAt(end))) {
    end++;
    if (end - position > maxLiteral) return true;
  }
  return Number.isInteger(Number(text.slice(start, end)));
};
