import { bind, signature } from '../objects/arguments.ts';
import { integerRoot } from '../numeric/exact-float.ts';
import { bitLength, requireInteger } from '../objects/number.ts';
import { typeError, valueError } from '../objects/python-error.ts';
import type { NativeCall, PyValue, Run } from '../objects/object.ts';
import { typeName } from '../objects/type-name.ts';

const factorOf = (value: PyValue): bigint => {
  if (typeof value === 'number') throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
  return requireInteger(value);
};

const factorial: NativeCall = (run, args, named) => {
  const n = factorOf(bind(signature('math.factorial', 'x'), args, named)[0] ?? null);
  if (n < 0n) throw valueError('factorial() not defined for negative values');
  return product(run, 1n, n);
};

/** The product of consecutive integers, within the bound of an integer. */
const product = (run: Run, first: bigint, last: bigint): bigint => {
  let result = 1n;
  for (let factor = first; factor <= last; factor += 1n) {
    const bits = bitLength(result);
    run.meter.charge(1 + (bits >> 8));
    run.meter.product(bits, 64);
    run.meter.bits(bits);
    result *= factor;
  }
  return result;
};

const comb: NativeCall = (run, args, named) => {
  const [n, k] = bind(signature('comb', 'n k'), args, named).map((each) => factorOf(each ?? null)) as [bigint, bigint];
  if (n < 0n) throw valueError('n must be a non-negative integer');
  if (k < 0n) throw valueError('k must be a non-negative integer');
  if (k > n) return 0n;
  const least = k < n - k ? k : n - k;
  let result = 1n;
  for (let index = 1n; index <= least; index += 1n) {
    const bits = bitLength(result);
    run.meter.charge(1 + (bits >> 7));
    run.meter.product(bits, 128);
    run.meter.bits(bits);
    result = (result * (n - least + index)) / index;
  }
  return result;
};

const perm: NativeCall = (run, args, named) => {
  const [nValue = null, kValue = null] = bind(signature('perm', 'n k?'), args, named);
  const n = factorOf(nValue);
  if (n < 0n) throw valueError('n must be a non-negative integer');
  if (kValue === null) return product(run, 1n, n);
  const k = factorOf(kValue);
  if (k < 0n) throw valueError('k must be a non-negative integer');
  return k > n ? 0n : product(run, n - k + 1n, n);
};

const gcdOf = (run: Run, left: bigint, right: bigint): bigint => {
  let [a, b] = [left < 0n ? -left : left, right < 0n ? -right : right];
  while (b > 0n) {
    const bits = bitLength(a);
    run.meter.charge(1 + (bits >> 8));
    run.meter.product(bits, 64);
    [a, b] = [b, a % b];
  }
  return a;
};

const gcd: NativeCall = (run, args) => args.map(factorOf).reduce((left, right) => gcdOf(run, left, right), 0n);

const lcm: NativeCall = (run, args) =>
  args.map(factorOf).reduce((left, right) => {
    if (left === 0n || right === 0n) return 0n;
    run.meter.bits(bitLength(left) + bitLength(right));
    run.meter.product(bitLength(left) * 2, bitLength(right) * 2);
    const multiple = (left / gcdOf(run, left, right)) * right;
    return multiple < 0n ? -multiple : multiple;
  }, 1n);

const isqrt: NativeCall = (run, args, named) => {
  const n = factorOf(bind(signature('math.isqrt', 'n'), args, named)[0] ?? null);
  if (n < 0n) throw valueError('isqrt() argument must be nonnegative');
  const bits = bitLength(n);
  return integerRoot(n, () => {
    run.meter.charge(1);
    run.meter.product(bits, bits);
  });
};

/** The functions of `math` that take and give integers of any size. */
export const integerFunctions: readonly (readonly [string, NativeCall])[] = [
  ['factorial', factorial],
  ['comb', comb],
  ['perm', perm],
  ['gcd', gcd],
  ['lcm', lcm],
  ['isqrt', isqrt],
];
