import * as unicode from '../../../unicode/unicode-classes.ts';

/* Python's tests of one code point, given as a text. */

/** Python's `isdecimal`. */
export const isDecimal = (character: string): boolean => unicode.isDecimal(pointOf(character));
/** Python's `isdigit`: decimals, superscripts, circled digits and the like. */
export const isDigit = (character: string): boolean => unicode.isDigit(pointOf(character));
/** Python's `isnumeric`: digits, fractions, ideographs that count. */
export const isNumeric = (character: string): boolean => unicode.isNumeric(pointOf(character));
/** Python's `isalpha`. */
export const isAlpha = (character: string): boolean => unicode.isAlphabetic(pointOf(character));
/** Python's `isalnum`. */
export const isAlnum = (character: string): boolean => unicode.isAlphanumeric(pointOf(character));
/** Python's `isspace`. */
export const isSpace = (character: string): boolean =>
  character < '\u0080'
    ? character === ' ' || (character >= '\t' && character <= '\r') || (character >= '\u001c' && character <= '\u001f')
    : unicode.isWhitespace(pointOf(character));
/** Python's `isprintable`. */
export const isPrintable = (character: string): boolean => !unicode.isUnprintable(pointOf(character));

/** The value of a decimal digit of any script: every run of them starts with its zero. */
export const decimalValue = (character: string): number => {
  const point = pointOf(character);
  if (point < 0x80) return point - 0x30;
  let zero = point;
  // The mathematical digits are five runs in a row: their zeros are counted from the first.
  if (point >= 0x1d7ce && point <= 0x1d7ff) return (point - 0x1d7ce) % 10;
  while (unicode.isDecimal(zero - 1)) zero -= 1;
  return (point - zero) % 10;
};

function pointOf(character: string): number {
  return character.codePointAt(0)!;
}
