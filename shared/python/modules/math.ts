import { bind, signature } from '../objects/arguments.ts';
import { decompose, hypotenuse } from '../numeric/exact-float.ts';
import { bitLength, floatOf, integerOf, requireFloat, toFloat } from '../objects/number.ts';
import { exactCos, exactExp, exactLog, exactSin } from '../numeric/exact-functions.ts';
import { collect, iterate } from '../objects/iterate.ts';
import { integerFunctions } from './math-integers.ts';
import { floatPower } from '../objects/power.ts';
import { overflowError, typeError, valueError } from '../objects/python-error.ts';
import { type NativeCall, PyFunction, PyNamespace, PyTuple, type PyValue, type Run } from '../objects/object.ts';
import { typeName } from '../objects/type-name.ts';

const domain = (): Error => valueError('math domain error');

/** A function of the C library: a NaN or infinity that no argument had is a domain or range error. */
const checked = (result: number, ...given: readonly number[]): number => {
  if (Number.isFinite(result) || given.some((each) => !Number.isFinite(each))) {
    if (Number.isNaN(result) && !given.some(Number.isNaN)) throw domain();
    return result;
  }
  throw Number.isNaN(result) ? domain() : overflowError('math range error');
};

const real = (name: string, compute: (x: number) => number): readonly [string, NativeCall] => [
  name,
  (run, args, named) => {
    run.meter.spend('exact', 1);
    const x = requireFloat(bind(signature(`math.${name}`, 'x'), args, named)[0]!);
    return checked(compute(x), x);
  },
];

const realPair = (name: string, compute: (x: number, y: number) => number): readonly [string, NativeCall] => [
  name,
  (_run, args, named) => {
    const [x = null, y = null] = bind(signature(name, 'x y'), args, named);
    const [one, other] = [requireFloat(x), requireFloat(y)];
    return checked(compute(one, other), one, other);
  },
];

const plain = (name: string, compute: (x: number) => number | boolean): readonly [string, NativeCall] => [
  name,
  (_run, args, named) => compute(requireFloat(bind(signature(`math.${name}`, 'x'), args, named)[0]!)),
];

/** `floor`, `ceil` and `trunc` give integers. */
const rounding = (name: string, round: (x: number) => number): readonly [string, NativeCall] => [
  name,
  (_run, args, named) => {
    const [value = null] = bind(signature(`math.${name}`, 'x'), args, named);
    const integer = integerOf(value);
    if (integer !== undefined) return integer;
    const x = requireFloat(value);
    if (Number.isNaN(x)) throw valueError('cannot convert float NaN to integer');
    if (!Number.isFinite(x)) throw overflowError('cannot convert float infinity to integer');
    return BigInt(round(x));
  },
];

/** Logarithms take integers of any size: what a float cannot hold is taken apart first. */
const logarithm = (value: PyValue, log: (x: number) => number): number => {
  const integer = integerOf(value);
  if (integer === undefined) {
    const x = requireFloat(value);
    if (x <= 0) throw domain();
    return log(x);
  }
  if (integer <= 0n) throw domain();
  const plain = Number(integer);
  if (Number.isFinite(plain)) return log(plain);
  const excess = bitLength(integer) - 64;
  return log(Number(integer >> BigInt(excess))) + excess * log(2);
};

const log: NativeCall = (run, args, named) => {
  run.meter.spend('exact', 2);
  const [x = null, base] = bind(signature('log', 'x base?'), args, named);
  const numerator = logarithm(x, exactLog);
  if (base === undefined) return numerator;
  const denominator = logarithm(base, exactLog);
  if (denominator === 0) throw valueError('float division by zero');
  return numerator / denominator;
};

const logOf = (name: string, compute: (x: number) => number): readonly [string, NativeCall] => [
  name,
  (_run, args, named) => logarithm(bind(signature(`math.${name}`, 'x'), args, named)[0]!, compute),
];

const remainder = (x: number, y: number): number => {
  if (!Number.isFinite(y)) return Number.isFinite(x) && !Number.isNaN(y) ? x : NaN;
  const size = Math.abs(y);
  const rest = Math.abs(x) % size;
  const other = size - rest;
  const odd = (Math.abs(x) - rest) % (2 * size) !== 0;
  const result = rest < other || (rest === other && !odd) ? rest : rest - size;
  return x < 0 || Object.is(x, -0) ? -result : result;
};

/** Exact sum, rounded once: partial sums whose bits do not overlap (Shewchuk). */
const fsum: NativeCall = (run, args, named) => {
  const partials: number[] = [];
  let special = 0;
  for (const item of iterate(run, bind(signature('math.fsum', 'seq'), args, named)[0] ?? null)) {
    let x = requireFloat(item);
    if (!Number.isFinite(x)) {
      special += x;
      continue;
    }
    let kept = 0;
    run.meter.charge(partials.length >> 2);
    for (let y of partials) {
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y;
      const low = y - (high - x);
      if (low !== 0) partials[kept++] = low;
      x = high;
    }
    partials.length = kept;
    partials.push(x);
  }
  if (special !== 0 || Number.isNaN(special)) return checked(special, special);
  return sumPartials(partials);
};

const sumPartials = (partials: readonly number[]): number => {
  let index = partials.length - 1;
  if (index < 0) return 0;
  let high = partials[index]!;
  let low = 0;
  while (index > 0 && low === 0) {
    index -= 1;
    const x = high;
    const y = partials[index]!;
    high = x + y;
    low = y - (high - x);
  }
  // Half-way cases are decided by the sign of what is left.
  if (index > 0 && low !== 0 && low < 0 === partials[index - 1]! < 0) {
    const y = low * 2;
    const x = high + y;
    if (y === x - high) high = x;
  }
  return high;
};

const isClose: NativeCall = (_run, args, named) => {
  const [a = null, b = null, relative = 1e-9, absolute = 0] = bind(
    signature('isclose', 'a b rel_tol? abs_tol?', true),
    args,
    named,
  );
  const [x, y] = [requireFloat(a), requireFloat(b)];
  if (x === y) return true;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
  const difference = Math.abs(x - y);
  return difference <= Math.max(requireFloat(relative) * Math.max(Math.abs(x), Math.abs(y)), requireFloat(absolute));
};

const frexp: NativeCall = (_run, args, named) => {
  const x = requireFloat(bind(signature('math.frexp', 'x'), args, named)[0]!);
  if (x === 0 || !Number.isFinite(x)) return new PyTuple([x, 0n]);
  const { mantissa, exponent } = decompose(x);
  const bits = bitLength(mantissa);
  return new PyTuple([Number(mantissa) / 2 ** bits, BigInt(exponent + bits)]);
};

const ldexp: NativeCall = (_run, args, named) => {
  const [x = null, exponent = null] = bind(signature('ldexp', 'x i'), args, named);
  const power = integerOf(exponent);
  if (power === undefined) throw typeError('Expected an int as second argument to ldexp.');
  const count = power > 5000n ? 5000 : power < -5000n ? -5000 : Number(power);
  let value = requireFloat(x);
  for (let left = count; left !== 0;) {
    const step = Math.max(Math.min(left, 1000), -1000);
    value *= 2 ** step;
    left -= step;
  }
  return checked(value, requireFloat(x));
};

const modf: NativeCall = (_run, args, named) => {
  const x = requireFloat(bind(signature('math.modf', 'x'), args, named)[0]!);
  const whole = Math.trunc(x);
  return new PyTuple([Number.isNaN(x) ? x : x !== whole ? x - whole : x < 0 || Object.is(x, -0) ? -0 : 0, whole]);
};

/** Length of a vector, rounded once. */
const exactHypot = (run: Run, coordinates: readonly number[]): number => {
  if (coordinates.some((each) => Math.abs(each) === Infinity)) return Infinity;
  if (coordinates.some(Number.isNaN)) return NaN;
  run.meter.spend('exact', 2);
  run.meter.charge(coordinates.length * 32);
  return hypotenuse(coordinates);
};

const vector = (run: Run, value: PyValue): number[] => collect(run, value).map(requireFloat);

const hypot: NativeCall = (run, args) => {
  const coordinates = args.map(requireFloat);
  return checked(exactHypot(run, coordinates), ...coordinates);
};

const dist: NativeCall = (run, args, named) => {
  const [p = null, q = null] = bind(signature('dist', 'p q'), args, named);
  const [one, other] = [vector(run, p), vector(run, q)];
  if (one.length !== other.length) throw valueError('both points must have the same number of dimensions');
  return checked(
    exactHypot(
      run,
      one.map((x, index) => x - other[index]!),
    ),
    ...one,
    ...other,
  );
};

const prod: NativeCall = (run, args, named) => {
  const [values = null, start = 1n] = bind(signature('prod', 'iterable start?', true), args, named);
  let result: bigint | number = integerOf(start) ?? requireFloat(start);
  for (const item of iterate(run, values)) {
    const factor: bigint | number | undefined = integerOf(item) ?? floatOf(item);
    if (factor === undefined) throw typeError(`unsupported operand type(s) for *: 'int' and '${typeName(item)}'`);
    if (typeof result === 'bigint' && typeof factor === 'bigint') {
      const bits = bitLength(result);
      run.meter.charge(1 + (bits >> 8));
      run.meter.bits(bits + bitLength(factor));
      result *= factor;
    } else
      result =
        (typeof result === 'bigint' ? toFloat(result) : result) *
        (typeof factor === 'bigint' ? toFloat(factor) : factor);
  }
  return result;
};

const functions: readonly (readonly [string, NativeCall])[] = [
  ...(['sqrt', 'cbrt', 'expm1', 'tan', 'asin', 'acos', 'atan'] as const).map((name) => real(name, Math[name])),
  ...(['sinh', 'cosh', 'tanh', 'asinh', 'acosh'] as const).map((name) => real(name, Math[name])),
  real('atanh', (x) => (Math.abs(x) >= 1 ? NaN : Math.atanh(x))),
  real('exp', exactExp),
  real('sin', exactSin),
  real('cos', exactCos),
  real('fabs', Math.abs),
  real('exp2', (x) => 2 ** x),
  real('log1p', (x) => (x <= -1 ? NaN : Math.log1p(x))),
  plain('degrees', (x) => x * (180 / Math.PI)),
  plain('radians', (x) => x * (Math.PI / 180)),
  realPair('atan2', Math.atan2),
  realPair('fmod', (x, y) => x % y),
  realPair('remainder', remainder),
  realPair('copysign', (x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x))),
  realPair('pow', (x, y) => {
    if ((x === 0 && y < 0) || (x < 0 && Number.isFinite(x) && Number.isFinite(y) && !Number.isInteger(y)))
      throw domain();
    return floatPower(x, y);
  }),
  logOf('log2', Math.log2),
  logOf('log10', Math.log10),
  ['log', log],
  plain('isfinite', Number.isFinite),
  plain('isnan', Number.isNaN),
  plain('isinf', (x) => x === Infinity || x === -Infinity),
  rounding('floor', Math.floor),
  rounding('ceil', Math.ceil),
  rounding('trunc', Math.trunc),
  ['hypot', hypot],
  ['fsum', fsum],
  ['isclose', isClose],
  ['frexp', frexp],
  ['ldexp', ldexp],
  ['modf', modf],
  ['dist', dist],
  ['prod', prod],
  ...integerFunctions,
];

const constants: readonly (readonly [string, PyValue])[] = [
  ['pi', Math.PI],
  ['e', Math.E],
  ['tau', 2 * Math.PI],
  ['inf', Infinity],
  ['nan', NaN],
];

/**
 * The module `math`. Roots, roundings and sums are exact; of the transcendental functions the last bit may differ from
 * the C library's.
 */
export const mathModule = new PyNamespace(
  'module',
  'math',
  new Map<string, PyValue>([
    ...functions.map(([name, call]): [string, PyValue] => [name, new PyFunction(name, call)]),
    ...constants,
  ]),
);
