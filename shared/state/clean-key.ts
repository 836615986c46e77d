import { isAlphanumeric, isWhitespace } from '../unicode/unicode-classes.ts';

const clean = /^[a-z0-9_]*$/;

/* A stream repeats the same few keys; the memo is emptied when it is full, so its size is bounded. */
const maxRemembered = 4_096;
const maxRememberedLength = 128;
const remembered = new Map<string, string>();

/**
 * A key as a column name (reference.md D.1). Letters, numbers and `_` become lower case; dots and white space become
 * `_`; anything else is removed. It goes by code point, with the tables of Unicode 14.0. The result may be empty.
 */
export const cleanKey = (key: string): string => {
  if (clean.test(key)) return key;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const cleaned = cleanCodePoints(key);
  if (key.length <= maxRememberedLength) {
    if (remembered.size >= maxRemembered) remembered.clear();
    remembered.set(key, cleaned);
  }
  return cleaned;
};

const underscore = 0x5f;
const dot = 0x2e;

const cleanCodePoints = (key: string): string => {
  let cleaned = '';
  for (const character of key) {
    const codePoint = character.codePointAt(0)!;
    // Lower case of one code point on its own: a final sigma is never produced.
    if (codePoint === underscore || isAlphanumeric(codePoint)) cleaned += character.toLowerCase();
    else if (codePoint === dot || isWhitespace(codePoint)) cleaned += '_';
  }
  return cleaned;
};
