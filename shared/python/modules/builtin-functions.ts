import { createHash } from 'node:crypto';

import { divmodFloats, unsupported } from '../objects/arithmetic.ts';
import { bind, signature } from '../objects/arguments.ts';
import { codePointLength, codePoints } from '../objects/str/code-points.ts';
import { scaledDecimal } from '../numeric/exact-float.ts';
import { hashOf } from '../objects/hash-value.ts';
import {
  bitLength,
  floatOf,
  floorDivide,
  floorModulo,
  integerOf,
  requireCount,
  requireInteger,
} from '../objects/number.ts';
import { collect, visitItems } from '../objects/iterate.ts';
import { binaryOperation } from '../objects/operators.ts';
import { modularPower } from '../objects/power.ts';
import { attributeError, overflowError, typeError, valueError, zeroDivisionError } from '../objects/python-error.ts';
import { repr, str } from '../objects/repr.ts';
import { type NativeCall, PyList, PyTuple, type PyValue, type Run } from '../objects/object.ts';
import { sortItems } from '../objects/sort-items.ts';
import { isInstance, isSubclass } from '../objects/type-tests.ts';
import { typeName } from '../objects/type-name.ts';
import { isoTime } from './iso-time.ts';

const abs: NativeCall = (run, args, named) => {
  const [value = null] = bind(signature('abs', 'x'), args, named);
  const integer = integerOf(value);
  if (integer !== undefined) {
    run.meter.bits(bitLength(integer));
    return integer < 0n ? -integer : integer;
  }
  if (typeof value === 'number') return Math.abs(value);
  throw typeError(`bad operand type for abs(): '${typeName(value)}'`);
};

const chr: NativeCall = (_run, args, named) => {
  const point = requireInteger(bind(signature('chr', 'i'), args, named)[0] ?? null);
  if (point >= 2n ** 31n || point < -(2n ** 31n)) throw overflowError('Python int too large to convert to C int');
  if (point < 0n || point > 0x10ffffn) throw valueError('chr() arg not in range(0x110000)');
  return String.fromCodePoint(Number(point));
};

const ord: NativeCall = (run, args, named) => {
  const [value = null] = bind(signature('ord', 'c'), args, named);
  if (typeof value === 'object' && value?.kind === 'bytes' && value.bytes.length === 1) return BigInt(value.bytes[0]!);
  if (typeof value !== 'string') throw typeError(`ord() expected string of length 1, but ${typeName(value)} found`);
  const characters = codePoints(run, value);
  if (characters.length !== 1) {
    throw typeError(`ord() expected a character, but string of length ${characters.length} found`);
  }
  return BigInt(value.codePointAt(0)!);
};

const divmod: NativeCall = (run, args, named) => {
  const [left = null, right = null] = bind(signature('divmod', 'x y'), args, named);
  const [one, other] = [integerOf(left), integerOf(right)];
  if (one !== undefined && other !== undefined) {
    if (other === 0n) throw zeroDivisionError('integer division or modulo by zero');
    run.meter.product(bitLength(one) * 2, bitLength(other));
    run.meter.bits(bitLength(one) * 2);
    return new PyTuple([floorDivide(one, other), floorModulo(one, other)]);
  }
  const [x, y] = [floatOf(left), floatOf(right)];
  if (x === undefined || y === undefined) throw unsupported('divmod()', left, right);
  if (y === 0) throw zeroDivisionError('float divmod()');
  const { quotient, rest } = divmodFloats(x, y);
  return new PyTuple([quotient, rest]);
};

const inBase =
  (name: string, prefix: string, base: number): NativeCall =>
  (run, args, named) => {
    const value = requireInteger(bind(signature(name, 'number'), args, named)[0] ?? null);
    run.meter.text(bitLength(value));
    return value < 0n ? `-${prefix}${(-value).toString(base)}` : prefix + value.toString(base);
  };

const len: NativeCall = (run, args, named) => {
  const [value = null] = bind(signature('len', 'obj'), args, named);
  if (typeof value === 'string') return BigInt(codePointLength(run, value));
  if (typeof value === 'object' && value !== null) {
    switch (value.kind) {
      case 'list':
      case 'tuple':
        return BigInt(value.items.length);
      case 'dict':
        return BigInt(value.entries.size);
      case 'view':
        return BigInt(value.dict.entries.size);
      case 'set':
        return BigInt(value.members.size);
      case 'bytes':
        return BigInt(value.bytes.length);
      case 'range':
        if (value.length > 2n ** 63n - 1n) throw overflowError('Python int too large to convert to C ssize_t');
        return value.length;
      default:
    }
  }
  throw typeError(`object of type '${typeName(value)}' has no len()`);
};

const pow: NativeCall = (run, args, named) => {
  const [base = null, exponent = null, modulus = null] = bind(signature('pow', 'base exp mod?', true), args, named);
  if (modulus === null) return binaryOperation(run, '**', base, exponent);
  const integers = [base, exponent, modulus].map(integerOf);
  if (integers.includes(undefined)) {
    if ([base, exponent, modulus].every((each) => floatOf(each) !== undefined)) {
      throw typeError('pow() 3rd argument not allowed unless all arguments are integers');
    }
    const names = [base, exponent, modulus].map((each) => `'${typeName(each)}'`);
    throw typeError(`unsupported operand type(s) for ** or pow(): ${names.join(', ')}`);
  }
  return modularPower(run, integers[0]!, integers[1]!, integers[2]!);
};

const roundFloat = (run: Run, value: number, digits: number): number => {
  if (!Number.isFinite(value) || value === 0 || digits > 323) return value;
  const sign = value < 0 ? -1 : 1;
  if (digits < -308) return sign < 0 ? -0 : 0;
  run.meter.charge(20);
  const rounded = Number(`${scaledDecimal(value, digits)}e${-digits}`) * sign;
  if (!Number.isFinite(rounded)) throw overflowError('rounded value too large to represent');
  return rounded;
};

const roundInteger = (run: Run, value: bigint, digits: bigint): bigint => {
  if (digits >= 0n || value === 0n) return value;
  const bits = bitLength(value);
  // Ten to the power has more than three bits per digit.
  if (-digits * 3n > BigInt(bits) + 4n) return 0n;
  run.meter.bits(bits * 2);
  run.meter.product(bits * 2, bits);
  const unit = 10n ** -digits;
  const rest = floorModulo(value, unit);
  const down = value - rest;
  if (rest * 2n > unit || (rest * 2n === unit && (down / unit) % 2n !== 0n)) return down + unit;
  return down;
};

const round: NativeCall = (run, args, named) => {
  const [value = null, digits = null] = bind(signature('round', 'number ndigits?', true), args, named);
  const integer = integerOf(value);
  if (integer !== undefined) return digits === null ? integer : roundInteger(run, integer, requireInteger(digits));
  if (typeof value !== 'number') throw typeError(`type ${typeName(value)} doesn't define __round__ method`);
  if (digits !== null) return roundFloat(run, value, requireCount(digits));
  if (Number.isNaN(value)) throw valueError('cannot convert float NaN to integer');
  if (!Number.isFinite(value)) throw overflowError('cannot convert float infinity to integer');
  run.meter.charge(8);
  const magnitude = scaledDecimal(value, 0);
  return value < 0 ? -magnitude : magnitude;
};

const sum: NativeCall = (run, args, named) => {
  const [values = null, start = 0n] = bind(signature('sum', 'iterable start?', true), args, named);
  if (typeof start === 'string') throw typeError("sum() can't sum strings [use ''.join(seq) instead]");
  let total: PyValue = start;
  visitItems(run, values, (item) => {
    total = binaryOperation(run, '+', total, item);
  });
  return total;
};

const sorted: NativeCall = (run, args, named) => {
  if (args.length !== 1) throw typeError(`sorted expected 1 argument, got ${args.length}`);
  return new PyList(sortItems(run, collect(run, args[0]!), named));
};

const sha256 = (run: Run, text: string): string => {
  run.meter.spend('digest', 1);
  run.meter.spend('digested', text.length);
  return createHash('sha256').update(text, 'utf8').digest('hex');
};

const hashit: NativeCall = (run, args, named) => {
  const [value = null, length = 8n] = bind(signature('hashit', 'input_string length?', true), args, named);
  if (typeof value !== 'string') {
    // The reference calls `.encode()`, which nothing but a text has.
    throw attributeError(`'${typeName(value)}' object has no attribute 'encode'`);
  }
  const count = length === null ? 64 : requireCount(length);
  return sha256(run, value).slice(0, count < 0 ? Math.max(64 + count, 0) : count);
};

const randHash: NativeCall = (run, args, named) => {
  const [value = null] = bind(signature('rand_hash', 'x'), args, named);
  return sha256(run, str(run, run.random().current.float()) + str(run, value)).slice(0, 8);
};

const isCallable: NativeCall = (_run, args, named) => {
  const [value = null] = bind(signature('callable', 'obj'), args, named);
  return typeof value === 'object' && value !== null && (value.kind === 'function' || value.kind === 'type');
};

/** The functions that have a name in the language (reference.md D.6). */
export const builtinFunctions: readonly (readonly [string, NativeCall])[] = [
  ['abs', abs],
  ['callable', isCallable],
  ['chr', chr],
  ['divmod', divmod],
  ['hash', (run, args, named) => hashOf(run, bind(signature('hash', 'obj'), args, named)[0] ?? null)],
  ['hashit', hashit],
  ['hex', inBase('hex', '0x', 16)],
  [
    'id',
    (run, args, named) => {
      const [value = null] = bind(signature('id', 'obj'), args, named);
      return BigInt(run.identify(typeof value === 'object' && value !== null ? value : (Object(value) as object)));
    },
  ],
  [
    'isinstance',
    (run, args, named) =>
      isInstance(run, ...(bind(signature('isinstance', 'obj class_or_tuple'), args, named) as [PyValue, PyValue])),
  ],
  [
    'issubclass',
    (run, args, named) =>
      isSubclass(run, ...(bind(signature('issubclass', 'cls class_or_tuple'), args, named) as [PyValue, PyValue])),
  ],
  ['len', len],
  [
    'now',
    (run, args, named) => {
      bind(signature('now', ''), args, named);
      run.meter.spend('conversion', 1);
      return isoTime(run.nowMs);
    },
  ],
  ['oct', inBase('oct', '0o', 8)],
  ['ord', ord],
  ['pow', pow],
  ['rand_hash', randHash],
  ['repr', (run, args, named) => repr(run, bind(signature('repr', 'obj'), args, named)[0] ?? null)],
  ['round', round],
  ['sorted', sorted],
  ['sum', sum],
];
