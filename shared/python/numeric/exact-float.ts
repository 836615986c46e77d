import { bitLength } from './bit-length.ts';

/** A finite float as mantissa times a power of two, exactly. */
export const decompose = (value: number): { mantissa: bigint; exponent: number } => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const magnitude = biased === 0 ? fraction : fraction | 0x10_0000_0000_0000n;
  return { mantissa: bits >> 63n === 1n ? -magnitude : magnitude, exponent: Math.max(biased, 1) - 1075 };
};

/** The magnitude of a finite float times ten to the power, rounded to an integer, ties to even: from its exact value. */
export const scaledDecimal = (value: number, power: number): bigint => {
  const { mantissa, exponent } = decompose(Math.abs(value));
  let numerator = mantissa;
  let denominator = 1n;
  if (exponent >= 0) numerator <<= BigInt(exponent);
  else denominator <<= BigInt(-exponent);
  if (power >= 0) numerator *= 10n ** BigInt(power);
  else denominator *= 10n ** BigInt(-power);
  return roundedQuotient(numerator, denominator);
};

/** The float nearest to a quotient of two positive integers, ties to even; Infinity where there is none. */
export const nearestFloat = (numerator: bigint, denominator: bigint): number => {
  if (numerator === 0n) return 0;
  // 55 bits or more of the quotient, the last made odd where a rest follows: `Number` then rounds as the exact value.
  const lowest = Math.max(bitLength(numerator) - bitLength(denominator) - 56, -1074);
  const top = lowest >= 0 ? numerator : numerator << BigInt(-lowest);
  const bottom = lowest >= 0 ? denominator << BigInt(lowest) : denominator;
  if (lowest === -1074) return Number(roundedQuotient(top, bottom)) * 2 ** -1074;
  const quotient = top / bottom;
  const sticky = top % bottom === 0n ? quotient : quotient | 1n;
  return lowest > 1000 ? Infinity : scale(Number(sticky), lowest);
};

/** The integer square root, rounded down. */
export const integerRoot = (value: bigint, onStep: () => void = () => undefined): bigint => {
  if (value === 0n) return 0n;
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    onStep();
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
};

/** The square root of the sum of the squares of finite floats, rounded once. */
export const hypotenuse = (values: readonly number[]): number => {
  const parts = values.filter((each) => each !== 0).map(decompose);
  if (parts.length === 0) return 0;
  const least = Math.min(...parts.map(({ exponent }) => exponent));
  const sum = parts.reduce((total, { mantissa, exponent }) => total + (mantissa << BigInt(exponent - least)) ** 2n, 0n);
  // Enough bits behind the point that only an exact root ends in zeros.
  const extra = Math.max(64 - (bitLength(sum) >> 1), 0);
  const root = integerRoot(sum << BigInt(2 * extra));
  const sticky = root * root === sum << BigInt(2 * extra) ? root * 2n : root * 2n + 1n;
  const power = least - extra - 1;
  return power >= 0 ? nearestFloat(sticky << BigInt(power), 1n) : nearestFloat(sticky, 1n << BigInt(-power));
};

/** The quotient of two positive integers rounded to the nearest integer, ties to even. */
const roundedQuotient = (numerator: bigint, denominator: bigint): bigint => {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) return quotient + 1n;
  return quotient;
};

/** Times a power of two in two steps, so that neither step overflows before the product does. */
const scale = (value: number, power: number): number => {
  const half = Math.trunc(power / 2);
  return value * 2 ** half * 2 ** (power - half);
};
