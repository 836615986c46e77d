import { bind, signature } from './arguments.ts';
import { integerOf, requireInteger } from './number.ts';
import { type Method, type MethodTable, type NativeCall, PyRange, PyType, type PyValue, type Run } from './object.ts';
import { valueError, withheld } from './python-error.ts';

/** Positions in a range are computed, not searched. */
const rangeIndex = (run: Run, self: PyRange, wanted: PyValue): bigint | undefined => {
  const integer = integerOf(wanted) ?? (Number.isInteger(wanted) ? BigInt(wanted as number) : undefined);
  run.meter.charge(1);
  if (integer === undefined || (integer - self.start) % self.step !== 0n) return undefined;
  const position = (integer - self.start) / self.step;
  return position >= 0n && position < self.length ? position : undefined;
};

const rangeMethods: readonly (readonly [string, Method<PyRange>])[] = [
  [
    'index',
    (run, self, args, named) => {
      const [wanted = null] = bind(signature('range.index', 'value'), args, named);
      const found = rangeIndex(run, self, wanted);
      if (found === undefined) throw valueError(`${withheld} is not in range`);
      return found;
    },
  ],
  [
    'count',
    (run, self, args, named) => {
      const [wanted = null] = bind(signature('range.count', 'value'), args, named);
      return rangeIndex(run, self, wanted) === undefined ? 0n : 1n;
    },
  ],
];

const toRange: NativeCall = (_run, args, named) => {
  const [first = null, second, third] = bind(signature('range', 'start stop? step?'), args, named);
  const step = third === undefined ? 1n : requireInteger(third);
  if (step === 0n) throw valueError('range() arg 3 must not be zero');
  return second === undefined
    ? new PyRange(0n, requireInteger(first), step)
    : new PyRange(requireInteger(first), requireInteger(second), step);
};

/** Methods of a range. */
export const rangeMethodTable: MethodTable<PyRange> = new Map(rangeMethods);

/** The type `range`. */
export const rangeType = new PyType('range', toRange);
