import { decompose, nearestFloat } from '../numeric/exact-float.ts';
import { bitLength, floorModulo, toFloat } from './number.ts';
import { notImplementedError, overflowError, valueError, zeroDivisionError } from './python-error.ts';
import type { Run } from './object.ts';

/** Exponents up to here are computed exactly and rounded once where the engine's own power is less precise than C's. */
const maxExactExponent = 64;

/* Powers whose last bit engines miss that do not take `pow` from the C library. */
const probes: readonly (readonly [number, number, number])[] = [
  [20.689693102934257, -2, 0.0023361025455100035],
  [76.7138004660205, 3, 451461.266696474],
  [67.84530285179862, 7, 6616655113100.649],
  [96.30990032866127, 17, 5.277228120035715e33],
  [90.67715410640331, 7, 50406340597988.1],
  [59.874737290607186, 3, 214649.9851074378],
];
const nativeIsPrecise = probes.every(([base, exponent, power]) => base ** exponent === power);

/** `float ** float`, infinite where it overflows; a complex result (a root of a negative number) is refused. */
export const floatPower = (base: number, exponent: number): number => {
  if (exponent === 0 || base === 1) return 1;
  if (Number.isNaN(base) || Number.isNaN(exponent)) return NaN;
  if (base === 0 && exponent < 0) throw zeroDivisionError('0.0 cannot be raised to a negative power');
  if (base === -1 && !Number.isFinite(exponent)) return 1;
  if (!Number.isFinite(base) || !Number.isFinite(exponent) || base === 0) return base ** exponent;
  if (base < 0 && !Number.isInteger(exponent)) throw notImplementedError('complex numbers are not supported');
  if (nativeIsPrecise) return base ** exponent;
  const exact = Number.isInteger(exponent) && Math.abs(exponent) <= maxExactExponent;
  return exact ? exactPower(base, exponent) : exponent === 0.5 ? Math.sqrt(base) : base ** exponent;
};

/** `**` of two integers or two floats. Throws `ZeroDivisionError`, `OverflowError`. */
export const power = (run: Run, base: bigint | number, exponent: bigint | number): bigint | number => {
  if (typeof base === 'bigint' && typeof exponent === 'bigint') {
    return exponent < 0n ? finitePower(toFloat(base), toFloat(exponent)) : integerPower(run, base, exponent);
  }
  return finitePower(Number(base), Number(exponent));
};

/** `pow(base, exponent, modulus)` of integers. */
export const modularPower = (run: Run, base: bigint, exponent: bigint, modulus: bigint): bigint => {
  if (modulus === 0n) throw valueError('pow() 3rd argument cannot be 0');
  const size = modulus < 0n ? -modulus : modulus;
  let factor = floorModulo(base, size);
  if (exponent < 0n) factor = inverse(run, factor, size);
  let rest = exponent < 0n ? -exponent : exponent;
  const bits = bitLength(size);
  let result = 1n % size;
  while (rest > 0n) {
    run.meter.charge(2);
    run.meter.product(bits * 2, bits);
    if (rest % 2n === 1n) result = (result * factor) % size;
    factor = (factor * factor) % size;
    rest >>= 1n;
    run.meter.scan(bits);
  }
  return floorModulo(result, modulus);
};

const exactPower = (base: number, exponent: number): number => {
  const { mantissa, exponent: twos } = decompose(Math.abs(base));
  const times = BigInt(Math.abs(exponent));
  const numerator = mantissa ** times;
  const power = twos * Math.abs(exponent);
  const top = power >= 0 ? numerator << BigInt(power) : numerator;
  const bottom = power >= 0 ? 1n : 1n << BigInt(-power);
  const magnitude = exponent > 0 ? nearestFloat(top, bottom) : nearestFloat(bottom, top);
  return base < 0 && exponent % 2 !== 0 ? -magnitude : magnitude;
};

const finitePower = (base: number, exponent: number): number => {
  const result = floatPower(base, exponent);
  if (!Number.isFinite(result) && Number.isFinite(base) && Number.isFinite(exponent)) {
    throw overflowError("(34, 'Numerical result out of range')");
  }
  return result;
};

const integerPower = (run: Run, base: bigint, exponent: bigint): bigint => {
  if (exponent === 0n) return 1n;
  if (base === 0n || base === 1n) return base;
  if (base === -1n) return exponent % 2n === 0n ? 1n : -1n;
  const bits = bitLength(base);
  run.meter.bits((bits - 1) * Number(exponent));
  run.meter.product(bits * Number(exponent), bits * Number(exponent));
  const result = base ** exponent;
  run.meter.bits(bitLength(result));
  return result;
};

const inverse = (run: Run, value: bigint, modulus: bigint): bigint => {
  let [previous, current] = [modulus, value];
  let [before, now] = [0n, 1n];
  while (current > 0n) {
    run.meter.product(bitLength(previous), 64);
    const quotient = previous / current;
    [previous, current] = [current, previous % current];
    [before, now] = [now, before - quotient * now];
  }
  if (previous !== 1n) throw valueError('base is not invertible for the given modulus');
  return floorModulo(before, modulus);
};
