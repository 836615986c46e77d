/** Python writes floats from here on, and below the other bound, with an exponent (reference.md D.8). */
const fixedBelow = 1e16;
const fixedFrom = 1e-4;

/** Python's `repr` of a float: `1.0`, `1e+16`, `1e-05`, `-0.0`, `nan`, `inf` (reference.md D.8). */
export const floatRepr = (value: number): string => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const magnitude = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (magnitude === 0 || (magnitude >= fixedFrom && magnitude < fixedBelow)) {
    return sign + String(magnitude) + (Number.isInteger(magnitude) ? '.0' : '');
  }
  const { digits, exponent } = shortest(magnitude);
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
  const power = String(Math.abs(exponent)).padStart(2, '0');
  return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${power}`;
};

/**
 * A float as a text cell holds it: its repr, read as NUMERIC and printed plain (reference.md E.3). `1e16` is
 * `10000000000000000`, `1e-5` is `0.00001`, `-0.0` is `0.0`. `NaN`, `Infinity` and `-Infinity` are spelled as
 * PostgreSQL does.
 */
export const floatCellText = (value: number): string => {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude === 0) return '0.0';
  if (magnitude >= fixedFrom && magnitude < fixedBelow) return floatRepr(value);
  const { digits, exponent } = shortest(magnitude);
  const sign = value < 0 ? '-' : '';
  return exponent < 0 ? `${sign}0.${'0'.repeat(-exponent - 1)}${digits}` : sign + digits.padEnd(exponent + 1, '0');
};

/** The shortest digits that read back as the value, and the power of ten of the first: 0.0125 is `125` and -2. */
const shortest = (magnitude: number): { digits: string; exponent: number } => {
  const text = magnitude.toExponential();
  const split = text.indexOf('e');
  return { digits: text.slice(0, split).replace('.', ''), exponent: Number(text.slice(split + 1)) };
};
