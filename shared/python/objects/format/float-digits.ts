import { scaledDecimal } from '../../numeric/exact-float.ts';

/* Digits of a finite float's magnitude; every one is rounded from the exact value, ties to even, as the C library does. */

/** `12.50`: a fixed number of digits behind the point. */
export const fixedDigits = (value: number, precision: number): string => {
  const digits = scaledDecimal(value, precision)
    .toString()
    .padStart(precision + 1, '0');
  return precision === 0 ? digits : `${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
};

/** `1.25e+01`. */
export const exponentDigits = (value: number, precision: number, alternate = false): string => {
  const { digits, exponent } = scientific(value, precision);
  return pointed(digits, alternate) + exponentText(exponent);
};

/** `g`: so many significant digits, trailing zeros dropped, an exponent where the number is very small or large. */
export const generalDigits = (
  value: number,
  precision: number,
  options: { alternate?: boolean; fixedUpTo?: number; keepPoint?: boolean } = {},
): string => {
  const significant = Math.max(precision, 1);
  const { digits, exponent } = scientific(value, significant - 1);
  const fixed = exponent >= -4 && exponent < (options.fixedUpTo ?? significant);
  const trim = (text: string): string => (options.alternate === true ? text : text.replace(/0+$/, ''));
  if (!fixed) {
    const rest = trim(digits.slice(1));
    return pointed(digits[0]! + rest, options.alternate === true) + exponentText(exponent);
  }
  const padded = exponent < 0 ? '0'.repeat(-exponent) + digits : digits.padEnd(exponent + 1, '0');
  const whole = padded.slice(0, Math.max(exponent, 0) + 1);
  const rest = trim(padded.slice(Math.max(exponent, 0) + 1));
  if (rest === '') return options.keepPoint === true ? `${whole}.0` : options.alternate === true ? `${whole}.` : whole;
  return `${whole}.${rest}`;
};

/** The digits before and behind the first one, and its power of ten. */
const scientific = (value: number, precision: number): { digits: string; exponent: number } => {
  if (value === 0) return { digits: '0'.repeat(precision + 1), exponent: 0 };
  const text = Math.abs(value).toExponential();
  let exponent = Number(text.slice(text.indexOf('e') + 1));
  let digits = scaledDecimal(value, precision - exponent).toString();
  // The shortest digits may round up to a power of ten that the exact value is below, and rounding may reach the next.
  if (digits.length !== precision + 1) {
    exponent += digits.length < precision + 1 ? -1 : 1;
    digits = scaledDecimal(value, precision - exponent).toString();
  }
  return { digits, exponent };
};

const pointed = (digits: string, alternate: boolean): string =>
  digits.length > 1 || alternate ? `${digits[0]}.${digits.slice(1)}` : digits;

const exponentText = (exponent: number): string =>
  `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
