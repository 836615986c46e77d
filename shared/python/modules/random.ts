import { bind, signature } from '../objects/arguments.ts';
import { codePointLength } from '../objects/str/code-points.ts';
import { bitLength, floatOf, integerOf, requireCount, requireFloat, requireInteger } from '../objects/number.ts';
import { collect } from '../objects/iterate.ts';
import { MersenneTwister } from '../numeric/mersenne-twister.ts';
import { indexError, typeError, valueError, withheld } from '../objects/python-error.ts';
import { str } from '../objects/repr.ts';
import {
  type NativeCall,
  PyBytes,
  PyFunction,
  PyList,
  PyNamespace,
  type PyValue,
  type Run,
} from '../objects/object.ts';
import { subscript } from '../objects/subscript.ts';
import { typeName } from '../objects/type-name.ts';

type Source = (run: Run) => { current: MersenneTwister };

const twisterOf = (run: Run, seed: PyValue): MersenneTwister => {
  if (typeof seed === 'string') {
    run.meter.spend('seeding', 1);
    run.meter.spend('classify', seed.length);
    return MersenneTwister.ofText(seed);
  }
  const integer = integerOf(seed);
  run.meter.spend('seeding', 1);
  if (integer !== undefined) {
    run.meter.charge(bitLength(integer) >> 5);
    return MersenneTwister.ofInteger(integer < 0n ? -integer : integer);
  }
  return MersenneTwister.ofText(str(run, seed));
};

const lengthOf = (run: Run, value: PyValue): number => {
  if (typeof value === 'string') return codePointLength(run, value);
  if (typeof value === 'object' && value !== null) {
    if (value.kind === 'list' || value.kind === 'tuple') return value.items.length;
    if (value.kind === 'range') return Number(value.length);
  }
  throw typeError(`object of type '${typeName(value)}' has no len()`);
};

const below = (run: Run, twister: MersenneTwister, bound: bigint): bigint => {
  run.meter.charge(1 + (bitLength(bound) >> 4));
  return twister.below(bound);
};

const range: (
  name: string,
) => (run: Run, twister: MersenneTwister, args: readonly (PyValue | undefined)[]) => PyValue =
  (name) =>
  (run, twister, [first = null, second, third]) => {
    const start = requireInteger(first);
    const step = third === undefined ? 1n : requireInteger(third);
    if (step === 0n) throw valueError('zero step for randrange()');
    const [low, high] = second === undefined ? [0n, start] : [start, requireInteger(second)];
    const count = (high - low + step + (step > 0n ? -1n : 1n)) / step;
    if (count <= 0n) {
      throw valueError(
        second === undefined
          ? 'empty range for randrange()'
          : `empty range for ${name}() (${withheld}, ${withheld}, ${withheld})`,
      );
    }
    return low + step * below(run, twister, count);
  };

const choice = (run: Run, twister: MersenneTwister, items: PyValue): PyValue => {
  const length = lengthOf(run, items);
  if (length === 0) throw indexError('Cannot choose from an empty sequence');
  return subscript(run, items, below(run, twister, BigInt(length)));
};

const sequenceItems = (run: Run, value: PyValue): PyValue[] => {
  if (typeof value === 'object' && value !== null && (value.kind === 'set' || value.kind === 'dict')) {
    throw typeError('Population must be a sequence.  For dicts or sets, use sorted(d).');
  }
  return collect(run, value);
};

/** As CPython draws: from a shrinking pool while that is small, else by remembering what was drawn. */
const sample = (run: Run, twister: MersenneTwister, population: PyValue, wanted: PyValue): PyValue => {
  const pool = sequenceItems(run, population);
  const count = requireCount(wanted);
  if (count < 0 || count > pool.length) throw valueError('Sample larger than population or is negative');
  run.meter.items(count);
  const result: PyValue[] = [];
  const setSize = 21 + (count > 5 ? 4 ** Math.ceil(Math.log(count * 3) / Math.log(4)) : 0);
  if (pool.length <= setSize) {
    for (let index = 0; index < count; index += 1) {
      const at = Number(below(run, twister, BigInt(pool.length - index)));
      result.push(pool[at]!);
      pool[at] = pool[pool.length - index - 1]!;
    }
    return new PyList(result);
  }
  run.meter.spend('entry', count);
  const chosen = new Set<number>();
  while (result.length < count) {
    const at = Number(below(run, twister, BigInt(pool.length)));
    if (chosen.has(at)) continue;
    chosen.add(at);
    result.push(pool[at]!);
  }
  return new PyList(result);
};

const choices = (run: Run, twister: MersenneTwister, args: readonly (PyValue | undefined)[]): PyValue => {
  const [population = null, weights = null, cumulative = null, wanted = 1n] = args;
  const items = sequenceItems(run, population);
  const count = Math.max(requireCount(wanted), 0);
  run.meter.items(count);
  if (items.length === 0) throw indexError('Cannot choose from an empty sequence');
  let sums: number[] | undefined;
  if (cumulative !== null) sums = collect(run, cumulative).map(requireFloat);
  else if (weights !== null) {
    let sum = 0;
    sums = collect(run, weights).map((weight) => (sum += requireFloat(weight)));
  }
  if (sums !== undefined && sums.length !== items.length) {
    throw valueError('The number of weights does not match the population');
  }
  const total = sums?.at(-1) ?? items.length;
  if (total <= 0) throw valueError('Total of weights must be greater than zero');
  const pick = (): PyValue => {
    run.meter.charge(1 + (sums === undefined ? 0 : items.length >> 4));
    const at = twister.float() * total;
    const index = sums === undefined ? Math.floor(at) : sums.findIndex((sum) => at < sum);
    return items[index === -1 ? items.length - 1 : index]!;
  };
  return new PyList(Array.from({ length: count }, pick));
};

const shuffle = (run: Run, twister: MersenneTwister, value: PyValue): null => {
  if (typeof value !== 'object' || value === null || value.kind !== 'list') {
    throw typeError(`'${typeName(value)}' object does not support item assignment`);
  }
  run.own(value);
  const { items } = value;
  for (let index = items.length - 1; index > 0; index -= 1) {
    const other = Number(below(run, twister, BigInt(index + 1)));
    [items[index], items[other]] = [items[other]!, items[index]!];
  }
  return null;
};

const gaussian = (twister: MersenneTwister, mu: number, sigma: number): number => {
  const angle = twister.float() * 2 * Math.PI;
  return mu + Math.cos(angle) * Math.sqrt(-2 * Math.log(1 - twister.float())) * sigma;
};

/** Kinderman and Monahan's ratio of uniform numbers, as CPython draws it. */
const normal = (run: Run, twister: MersenneTwister, mu: number, sigma: number): number => {
  const scale = (4 * Math.exp(-0.5)) / Math.sqrt(2);
  for (;;) {
    run.meter.charge(1);
    const first = twister.float();
    const second = 1 - twister.float();
    const z = (scale * (first - 0.5)) / second;
    if ((z * z) / 4 <= -Math.log(second)) return mu + z * sigma;
  }
};

const triangular = (twister: MersenneTwister, low: number, high: number, mode: number | undefined): number => {
  const drawn = twister.float();
  if (high === low) return low;
  const middle = mode === undefined ? 0.5 : (mode - low) / (high - low);
  const [from, to, at, split] = drawn > middle ? [high, low, 1 - drawn, 1 - middle] : [low, high, drawn, middle];
  return from + (to - from) * Math.sqrt(at * split);
};

type Draw = (run: Run, twister: MersenneTwister, args: readonly (PyValue | undefined)[]) => PyValue;

const draws: readonly (readonly [string, string, Draw])[] = [
  ['random', '', (_run, twister) => twister.float()],
  [
    'uniform',
    'a b',
    (_run, twister, [a = null, b = null]) => {
      const low = requireFloat(a);
      return low + (requireFloat(b) - low) * twister.float();
    },
  ],
  [
    'randint',
    'a b',
    (run, twister, [a = null, b = null]) => range('randrange')(run, twister, [a, requireInteger(b) + 1n]),
  ],
  ['randrange', 'start stop? step?', range('randrange')],
  [
    'getrandbits',
    'k',
    (run, twister, [k = null]) => {
      const count = requireCount(k);
      if (count < 0) throw valueError('number of bits must be non-negative');
      run.meter.bits(count);
      run.meter.charge(count >> 4);
      return twister.bits(count);
    },
  ],
  [
    'randbytes',
    'n',
    (run, twister, [n = null]) => {
      const count = requireCount(n);
      run.meter.bits(count * 8);
      run.meter.charge(count >> 1);
      run.meter.madeBytes(count * 4);
      const hex = twister
        .bits(count * 8)
        .toString(16)
        .padStart(count * 2, '0');
      return new PyBytes(Uint8Array.from(count === 0 ? [] : Buffer.from(hex, 'hex').reverse()));
    },
  ],
  ['choice', 'seq', (run, twister, [items = null]) => choice(run, twister, items)],
  ['choices', 'population weights? cum_weights? k?', choices],
  ['sample', 'population k', (run, twister, [population = null, k = null]) => sample(run, twister, population, k)],
  ['shuffle', 'x', (run, twister, [items = null]) => shuffle(run, twister, items)],
  [
    'gauss',
    'mu? sigma?',
    (_run, twister, [mu = 0, sigma = 1]) => gaussian(twister, requireFloat(mu), requireFloat(sigma)),
  ],
  [
    'normalvariate',
    'mu? sigma?',
    (run, twister, [mu = 0, sigma = 1]) => normal(run, twister, requireFloat(mu), requireFloat(sigma)),
  ],
  ['expovariate', 'lambd?', (_run, twister, [lambd = 1]) => -Math.log(1 - twister.float()) / requireFloat(lambd)],
  [
    'triangular',
    'low? high? mode?',
    (_run, twister, [low = 0, high = 1, mode = null]) =>
      triangular(twister, requireFloat(low), requireFloat(high), floatOf(mode)),
  ],
];

const generator = (
  typeName: string,
  name: string,
  source: Source,
  more: readonly (readonly [string, PyValue])[],
): PyNamespace => {
  const functions = draws.map(([each, parameters, draw]): [string, PyValue] => {
    const described = signature(each, parameters, true);
    const call: NativeCall = (run, args, named) => draw(run, source(run).current, bind(described, args, named));
    return [each, new PyFunction(each, call)];
  });
  const seed: NativeCall = (run, args, named) => {
    const [value = null] = bind(signature('seed', 'a? version?', true), args, named);
    // `seed()` draws from the system in Python; here everything derives from the delivery.
    if (value !== null) source(run).current = twisterOf(run, value);
    return null;
  };
  return new PyNamespace(typeName, name, new Map([...functions, ['seed', new PyFunction('seed', seed)], ...more]));
};

const newGenerator: NativeCall = (run, args, named) => {
  const [seed = null] = bind(signature('Random', 'x?'), args, named);
  const own = { current: twisterOf(run, seed ?? run.random().current.bits(64)) };
  return generator('Random', 'random.Random', () => own, []);
};

/** The module `random`: its numbers come from the evaluation's seed, so a delivery draws the same ones at every attempt. */
export const randomModule: PyNamespace = generator('module', 'random', (run) => run.random(), [
  ['Random', new PyFunction('Random', newGenerator)],
]);
