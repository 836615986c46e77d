import { bitLength } from './bit-length.ts';
import { decompose, nearestFloat } from './exact-float.ts';

/*
 * `exp`, `log`, `sin` and `cos` rounded once, from fixed-point numbers with far more bits than a float has. The C library
 * is nearly always that precise; the engine's own functions miss the last bit of one result in fifteen.
 */

const places = 256n;
const one = 1n << places;

/** The exponential function of a float. */
export const exactExp = (value: number): number => {
  // Beyond, the result is 0 or infinite, and below the last place of 1 it is 1.
  if (!(Math.abs(value) < 750) || Math.abs(value) < 2 ** -60) return Math.exp(value);
  const fixed = toFixed(value);
  const twos = nearestQuotient(fixed, ln2());
  const rest = (fixed - twos * ln2()) >> 8n;
  let sum = one;
  for (let term = rest, count = 1n; term !== 0n && term !== -1n; count += 1n, term = multiply(term, rest) / count)
    sum += term;
  for (let time = 0; time < 8; time += 1) sum = multiply(sum, sum);
  return toFloat(sum, Number(twos));
};

/** The natural logarithm of a positive float. */
export const exactLog = (value: number): number => {
  if (!Number.isFinite(value) || value <= 0 || value === 1) return Math.log(value);
  const { mantissa, exponent } = decompose(value);
  const bits = BigInt(bitLength(mantissa));
  // Between 0.75 and 1.5 the series is short, and next to 1 nothing cancels.
  const low = (mantissa << places) >> bits < (one * 3n) / 4n;
  const twos = BigInt(exponent) + bits - (low ? 1n : 0n);
  const part = (mantissa << places) >> (bits - (low ? 1n : 0n));
  return toFloat(twiceAtanh(((part - one) << places) / (part + one)) + twos * ln2());
};

/** Sine and cosine reduce to an eighth of a turn; beyond this the fixed point has too few places for that. */
const maxAngle = 2 ** 60;

/** The sine of a float. */
export const exactSin = (value: number): number =>
  Math.abs(value) < maxAngle && Math.abs(value) > 2 ** -27 ? turned(value, 0n) : Math.sin(value);

/** The cosine of a float. */
export const exactCos = (value: number): number =>
  Math.abs(value) < maxAngle && Math.abs(value) > 2 ** -28 ? turned(value, 1n) : Math.cos(value);

const toFixed = (value: number): bigint => {
  const { mantissa, exponent } = decompose(value);
  const shift = BigInt(exponent) + places;
  return shift >= 0n ? mantissa << shift : mantissa >> -shift;
};

const nearestQuotient = (value: bigint, unit: bigint): bigint => {
  const doubled = 2n * value + unit;
  const quotient = doubled / (2n * unit);
  return doubled < 0n && doubled % (2n * unit) !== 0n ? quotient - 1n : quotient;
};

let lnTwo: bigint | undefined;
const ln2 = (): bigint => (lnTwo ??= twiceAtanh(one / 3n));

/** Twice the area tangent of a quotient: the logarithm of (1 + q) / (1 - q). */
const twiceAtanh = (quotient: bigint): bigint => {
  const square = multiply(quotient, quotient);
  let sum = 0n;
  for (let power = quotient, odd = 1n; power !== 0n && power !== -1n; power = multiply(power, square), odd += 2n) {
    sum += power / odd;
  }
  return sum * 2n;
};

const multiply = (left: bigint, right: bigint): bigint => (left * right) >> places;

/** A fixed-point number as the nearest float, times a power of two. */
const toFloat = (value: bigint, power = 0): number => {
  const magnitude = value < 0n ? -value : value;
  const float =
    power >= 0 ? nearestFloat(magnitude << BigInt(power), one) : nearestFloat(magnitude, one << BigInt(-power));
  return value < 0n ? -float : float;
};

const turned = (value: number, quarters: bigint): number => {
  const fixed = toFixed(value);
  const quarter = nearestQuotient(fixed * 2n, pi());
  const rest = fixed - (quarter * pi()) / 2n;
  const which = (((quarter + quarters) % 4n) + 4n) % 4n;
  const result = which % 2n === 0n ? series(rest, rest, 2n) : series(rest, one, 1n);
  return toFloat(which >= 2n ? -result : result);
};

let halfTurn: bigint | undefined;
/** Machin's formula. */
const pi = (): bigint => (halfTurn ??= 16n * arcTangent(5n) - 4n * arcTangent(239n));

const arcTangent = (inverse: bigint): bigint => {
  let sum = 0n;
  for (let power = one / inverse, odd = 1n; power > 0n; power /= inverse * inverse, odd += 2n) {
    sum += odd % 4n === 1n ? power / odd : -(power / odd);
  }
  return sum;
};

const series = (angle: bigint, first: bigint, start: bigint): bigint => {
  const square = multiply(angle, angle);
  let sum = 0n;
  for (let term = first, count = start; term !== 0n && term !== -1n; count += 2n) {
    sum += term;
    term = -multiply(term, square) / (count * (count + 1n));
  }
  return sum;
};
