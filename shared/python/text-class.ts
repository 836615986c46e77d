import { characterClass } from './character-class.ts';
import { isAlphanumeric, isUnprintable, isWhitespace } from './unicode-classes.ts';

/* Unicode 14.0, as the tables of names and reprs: distance+length of the ranges in base 36. */
const isDecimalPoint = characterClass(
  '1c+9 17r+9 3r+9 5j+9 bh+9 3b+9 3b+9 3b+9 3b+9 3b+9 3b+9 3b+9 3b+9 3b+9 2p+9 3b+9 1z+9 7r+9 1z+9 1fr+9 ' +
    '13+9 8d+9 3l+9 4n+9 7+9 53+9 2f+9 3r+9 7+9 r7r+9 iv+9 13+9 5j+9 n+9 2f+9 bb+9 gev+9 13b+9 1on+9 ml+9 3l+9 ' +
    '1p+9 41+9 7r+9 9j+9 3b+9 af+9 2v+9 2v+9 br+9 2v+9 l3+9 6v+9 1z+9 f5j+9 2f+9 3r+9 lf9+1d 1tt+9 br+9 193+9 ' +
    '3o7+9',
);
const isDigitBeyondDecimal = characterClass(
  '4y+1 6 3ow+8 19l 1au 4+5 7+9 rb+8 c+8 c+8 2i b+8 2 hj+8 2+8 2+8 18ry+3 t9+8 dm+8 18di+a',
);
const isNumericBeyondDigit = characterClass(
  '58+2 1ti+5 ah+5 3d+2 3q+6 62+6 i+8 c2+9 u7+a oi+2 74+9 1uf+1e 3+4 kg+a a+a a+a 28+9 a ht a a 12i lm q+8 ' +
    'f+2 9k+3 3v+9 v+7 2+e x+9 14+e 92 3i pz mb 3oz 3 4 2 2c 1b 8 2 15+1 v 9 11 2r b8 1u z 2 2 d0 2+2 7 39+3 ' +
    'lz eu 8 135 3o+1 d+2 2 ry 26 w6 1f8 wg ko 1zc py 1oi 5 3h 1rl 11 6 18 3i 35c+9 8x+5 g1i 8 5 1m v 2 16 ' +
    '1e2+18 d+1k i+1 9i+q 11+3 u 9 3r+4 w3+7 q+6 14+8 24+4 n+5 4h+1 3+f 3+19 1x+4 1h+1 v+2 24+4 2x+7 p+7 16+6 ' +
    '97+5 a2+l 4f+9 17+3 35+6 40+a ak+j 11i+1 bz+8 o8+i no+k to+32 e0d+6 m7+m jt6+j 31+o 47j+8 pu+1m 2+2 2+3 ' +
    '25+18 2+e r2+1 2yd 2r 3i 1r 1l5 2h 9 g 9a j s 4tz 16w 3gj 7rm tnn',
);

const letter = /^\p{L}$/u;
const pointOf = (character: string): number => character.codePointAt(0)!;

/** Python's `isdecimal` of one code point. */
export const isDecimal = (character: string): boolean => isDecimalPoint(pointOf(character));
/** Python's `isdigit`: decimals, superscripts, circled digits and the like. */
export const isDigit = (character: string): boolean => isDecimal(character) || isDigitBeyondDecimal(pointOf(character));
/** Python's `isnumeric`: digits, fractions, ideographs that count. */
export const isNumeric = (character: string): boolean => isDigit(character) || isNumericBeyondDigit(pointOf(character));
/** Python's `isalpha`. */
export const isAlpha = (character: string): boolean => letter.test(character) && isAlphanumeric(pointOf(character));
/** Python's `isalnum`. */
export const isAlnum = (character: string): boolean => isAlpha(character) || isNumeric(character);
/** Python's `isspace`. */
export const isSpace = (character: string): boolean =>
  character < '\u0080'
    ? character === ' ' || (character >= '\t' && character <= '\r') || (character >= '\u001c' && character <= '\u001f')
    : isWhitespace(pointOf(character));
/** Python's `isprintable`. */
export const isPrintable = (character: string): boolean => !isUnprintable(pointOf(character));

/** The value of a decimal digit of any script: every run of them starts with its zero. */
export const decimalValue = (character: string): number => {
  const point = pointOf(character);
  if (point < 0x80) return point - 0x30;
  let zero = point;
  // The mathematical digits are five runs in a row: their zeros are counted from the first.
  if (point >= 0x1d7ce && point <= 0x1d7ff) return (point - 0x1d7ce) % 10;
  while (isDecimalPoint(zero - 1)) zero -= 1;
  return (point - zero) % 10;
};
