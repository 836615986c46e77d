import { overflowError, typeError } from './python-error.ts';
import { typeName } from './type-name.ts';
import type { PyValue } from './object.ts';

/** The value as an integer where it is one (`True` is 1), else undefined. */
export const integerOf = (value: PyValue): bigint | undefined =>
  typeof value === 'bigint' ? value : typeof value === 'boolean' ? (value ? 1n : 0n) : undefined;

/** The value as an integer that indexes or counts. Throws Python's `TypeError`. */
export const requireInteger = (value: PyValue): bigint => {
  const integer = integerOf(value);
  if (integer === undefined) throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
  return integer;
};

const mostCount = 2n ** 63n - 1n;

/** A width, a count or a precision. Throws `OverflowError` where Python's machine word ends. */
export const requireCount = (value: PyValue): number => {
  const integer = requireInteger(value);
  if (integer > mostCount || integer < -mostCount) {
    throw overflowError('Python int too large to convert to C ssize_t');
  }
  return Number(integer);
};

export { bitLength } from '../numeric/bit-length.ts';

/** Python's `//` of integers: towards minus infinity. */
export const floorDivide = (left: bigint, right: bigint): bigint => {
  const quotient = left / right;
  return left % right !== 0n && left < 0n !== right < 0n ? quotient - 1n : quotient;
};

/** Python's `%` of integers: the sign of the divisor. */
export const floorModulo = (left: bigint, right: bigint): bigint => {
  const rest = left % right;
  return rest !== 0n && rest < 0n !== right < 0n ? rest + right : rest;
};

/** The nearest float. Throws `OverflowError` where there is none. */
export const toFloat = (value: bigint): number => {
  const float = Number(value);
  if (!Number.isFinite(float)) throw overflowError('int too large to convert to float');
  return float;
};

/** The value as a float where it is a number, else undefined. */
export const floatOf = (value: PyValue): number | undefined => {
  if (typeof value === 'number') return value;
  const integer = integerOf(value);
  return integer === undefined ? undefined : toFloat(integer);
};

/** The value as a float. Throws Python's `TypeError`. */
export const requireFloat = (value: PyValue): number => {
  const float = floatOf(value);
  if (float === undefined) throw typeError(`must be real number, not ${typeName(value)}`);
  return float;
};
