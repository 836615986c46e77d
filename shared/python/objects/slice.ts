import { bind, signature } from './arguments.ts';
import { integerOf } from './number.ts';
import { typeError, valueError } from './python-error.ts';
import { type NativeCall, PyRange, PySlice, PyType, type PyValue } from './object.ts';

/** The positions that a slice takes from a sequence of this length. Throws `TypeError`, `ValueError`. */
export const slicePositions = (slice: PySlice, length: bigint): PyRange => {
  const step = bound(slice.step) ?? 1n;
  if (step === 0n) throw valueError('slice step cannot be zero');
  const forward = step > 0n;
  const [low, high] = forward ? [0n, length] : [-1n, length - 1n];
  const place = (value: bigint | undefined, byDefault: bigint): bigint =>
    value === undefined ? byDefault : clamp(value < 0n ? value + length : value, low, high);
  return new PyRange(
    place(bound(slice.start), forward ? low : high),
    place(bound(slice.stop), forward ? high : low),
    step,
  );
};

/** Start and end of a search in a text of this length, as `find(needle, start, end)` takes them. */
export const searchBounds = (
  start: PyValue | undefined,
  stop: PyValue | undefined,
  length: number,
): [number, number] => {
  const size = BigInt(length);
  const place = (value: PyValue | undefined, byDefault: bigint): bigint => {
    const integer = value === undefined ? undefined : bound(value);
    if (integer === undefined) return byDefault;
    return integer < 0n ? clamp(integer + size, 0n, size) : integer;
  };
  const first = place(start, 0n);
  const end = clamp(place(stop, size), 0n, size);
  return [first > size ? length + 1 : Number(first), Number(end)];
};

const toSlice: NativeCall = (_run, args, named) => {
  const [first = null, second, third = null] = bind(signature('slice', 'start stop? step?'), args, named);
  return second === undefined ? new PySlice(null, first, null) : new PySlice(first, second, third);
};

/** The type `slice`. */
export const sliceType = new PyType('slice', toSlice);

const bound = (value: PyValue): bigint | undefined => {
  if (value === null) return undefined;
  const integer = integerOf(value);
  if (integer === undefined) {
    throw typeError('slice indices must be integers or None or have an __index__ method');
  }
  return integer;
};

const clamp = (value: bigint, low: bigint, high: bigint): bigint => (value < low ? low : value > high ? high : value);
