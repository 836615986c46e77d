import { maxJsonDepth } from './json-limits.ts';
import type { JsonValue } from './json-value.ts';

/**
 * Whether `JSON.parse` has lost nothing of the text that it made this value of.
 *
 * The value leads through its own text. Keys, strings and words are known, so they are stepped over by their length, and
 * only numbers are read. A repeated key would lead astray: the text has a member then that the value has not. So members are
 * compared: with `textMembers`, once for the whole text; else at each string, which has to end at its first quote.
 *
 * Not exact are:
 * - integers beyond 2^53, floats with an integral value (`1.0`, `1e5`), `-0`, infinities;
 * - keys that look like array indexes (a plain object moves them to the front), `__proto__`, repeated keys;
 * - what is nested too deep.
 *
 * @param textMembers how many members the objects of the text have together, repeated ones each time, if somebody knows
 */
export const isExact = (text: string, value: JsonValue, textMembers?: number): boolean => {
  const source = { text, nextBackslash: -1, isCounted: textMembers !== undefined, members: 0 };
  if (endOfValue(source, 0, value, 1) === inexact) return false;
  return textMembers === undefined || source.members === textMembers;
};

const quote = 34;

/** In place of the position behind what was stepped over. */
const inexact = -1;

interface Source {
  readonly text: string;
  /** The first one at or behind the position; a smaller one is out of date. */
  nextBackslash: number;
  /** Whether somebody has counted the members in the text, so that a key that was repeated shows in the end. */
  readonly isCounted: boolean;
  /** Of the objects so far. */
  members: number;
}

/** `depth` is that of the value, were it a container. */
const endOfValue = (source: Source, from: number, value: JsonValue, depth: number): number => {
  const position = skipSpace(source.text, from);
  if (typeof value === 'string') return endOfString(source, position, value.length);
  if (typeof value === 'number') return endOfNumber(source.text, position, value);
  if (typeof value === 'boolean') return position + (value ? 4 : 5);
  if (value === null) return position + 4;
  if (depth > maxJsonDepth) return inexact;
  if (Array.isArray(value)) return endOfArray(source, position, value, depth);
  return endOfObject(source, position, value as Readonly<Record<string, JsonValue>>, depth);
};

const skipSpace = (text: string, from: number): number => {
  let position = from;
  while (text.charCodeAt(position) <= 32) position++;
  return position;
};

/**
 * Without an escape in between, a string is as long in the text as its value is, and ends at its first quote. Where it does
 * not, it is another string: a key was repeated, and this is the value that was lost.
 */
const endOfString = (source: Source, from: number, length: number): number => {
  const { text } = source;
  if (text.charCodeAt(from) !== quote) return inexact;
  const end = from + 1 + length;
  if (source.nextBackslash < from) source.nextBackslash = find(text, '\\', from);
  if (source.nextBackslash <= end) return endOfEscaped(source, from);
  return source.isCounted || firstQuote(text, from + 1, end) === end ? end + 1 : inexact;
};

/**
 * V8 takes a key with an escape for one of another object that begins in the same way: after `{"\\":1}` it reads
 * `{"\"":1}` as that one. JSON.parse of the key alone is right. So these are read again, by themselves.
 */
const endOfKey = (source: Source, from: number, key: string): number => {
  const end = endOfString(source, from, key.length);
  const isEscaped = end !== from + key.length + quotes && end !== inexact;
  return isEscaped && JSON.parse(source.text.slice(from, end)) !== key ? inexact : end;
};

const quotes = 2;

/** Up to here a loop finds it sooner than the engine's search. */
const shortString = 12;

/** Where the first quote is, from a position on; it is not looked for far behind the place where it should be. */
const firstQuote = (text: string, from: number, expected: number): number => {
  if (expected - from > shortString) return text.indexOf('"', from);
  let position = from;
  while (position < expected && text.charCodeAt(position) !== quote) position++;
  return text.charCodeAt(position) === quote ? position : inexact;
};

/** Where the character comes next. If it does not, the length of the text: that is behind every string. */
const find = (text: string, character: string, from: number): number => {
  const found = text.indexOf(character, from);
  return found < 0 ? text.length : found;
};

/** The position behind the string from `from` on, which should hold the next backslash. */
const endOfEscaped = (source: Source, from: number): number => {
  let end = find(source.text, '"', from + 1);
  if (end < source.nextBackslash) return inexact;
  for (;;) {
    // An escape may be longer, but what comes after its second character is neither quote nor backslash.
    const next = source.nextBackslash + 2;
    if (end < next) end = find(source.text, '"', next);
    source.nextBackslash = find(source.text, '\\', next);
    if (source.nextBackslash > end) return end + 1;
  }
};

const dot = 46;

const lowerE = 101;

const upperE = 69;

const minus = 45;
const plus = 43;

const endOfNumber = (text: string, from: number, value: number): number => {
  const first = text.charCodeAt(from);
  if (!isDigit(first) && first !== minus) return inexact;
  let position = from + 1;
  let code = text.charCodeAt(position);
  while (isDigit(code)) code = text.charCodeAt(++position);
  if (code !== dot && code !== lowerE && code !== upperE) {
    const isNegativeZero = value === 0 && text.charCodeAt(from) === minus;
    return Number.isSafeInteger(value) && !isNegativeZero ? position : inexact;
  }
  if (Number.isInteger(value) || !Number.isFinite(value)) return inexact;
  // The rest of a fraction: digits, an exponent and its sign.
  while (isDigit(code) || code === dot || code === lowerE || code === upperE || code === plus || code === minus) {
    code = text.charCodeAt(++position);
  }
  return position;
};

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

const openBracket = 91;

const comma = 44;

const closeBracket = 93;

const endOfArray = (source: Source, from: number, items: readonly JsonValue[], depth: number): number => {
  let position = endOfToken(source.text, from, openBracket);
  for (let index = 0; index < items.length; index++) {
    if (index > 0) position = endOfToken(source.text, position, comma);
    if (position === inexact) return inexact;
    position = endOfValue(source, position, items[index]!, depth + 1);
    if (position === inexact) return inexact;
  }
  return endOfToken(source.text, position, closeBracket);
};

/** The position behind the token, which must come next; else `inexact`. */
const endOfToken = (text: string, from: number, token: number): number => {
  if (text.charCodeAt(from) === token) return from + 1;
  const position = skipSpace(text, from);
  return text.charCodeAt(position) === token ? position + 1 : inexact;
};

const openBrace = 123;

const indexLike = /^\d{1,10}$/;

const colon = 58;

const closeBrace = 125;

const endOfObject = (
  source: Source,
  from: number,
  object: Readonly<Record<string, JsonValue>>,
  depth: number,
): number => {
  const { text } = source;
  let position = endOfToken(text, from, openBrace);
  let isFirst = true;
  // JSON.parse makes plain objects without inherited members, and `for in` is the cheapest way over them.
  // oxlint-disable-next-line guard-for-in
  for (const key in object) {
    source.members += 1;
    if (isFirst) {
      // Keys that look like array indexes come first, so the first key tells whether there is one.
      if (key.charCodeAt(0) <= 57 && indexLike.test(key)) return inexact;
      isFirst = false;
    } else {
      position = endOfToken(text, position, comma);
      if (position === inexact) return inexact; // the text ends here: a key was repeated
    }
    if (key === '__proto__') return inexact;
    position = endOfKey(source, skipSpace(text, position), key);
    position = endOfToken(text, position, colon);
    if (position === inexact) return inexact;
    const item = object[key]!;
    if (typeof item === 'string') position = endOfString(source, skipSpace(text, position), item.length);
    else position = endOfValue(source, position, item, depth + 1);
    if (position === inexact) return inexact;
  }
  return endOfToken(text, position, closeBrace);
};
