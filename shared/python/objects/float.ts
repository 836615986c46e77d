import { decompose } from '../numeric/exact-float.ts';
import { bind, signature } from './arguments.ts';
import { decodeBytes } from './codecs.ts';
import { normalizedNumber } from './number-text.ts';
import { integerOf, toFloat } from './number.ts';
import { type Method, type MethodTable, type NativeCall, PyBytes, PyTuple, PyType, type Run } from './object.ts';
import { overflowError, typeError, valueError, withheld } from './python-error.ts';
import { typeName } from './type-name.ts';

/** The exact fraction of a finite float. Throws `OverflowError`, `ValueError`. */
export const integerRatio = (value: number): [bigint, bigint] => {
  if (Number.isNaN(value)) throw valueError('cannot convert NaN to integer ratio');
  if (!Number.isFinite(value)) throw overflowError('cannot convert Infinity to integer ratio');
  let { mantissa, exponent } = decompose(value);
  if (mantissa === 0n) return [0n, 1n];
  while (mantissa % 2n === 0n && exponent < 0) {
    mantissa /= 2n;
    exponent += 1;
  }
  return exponent < 0 ? [mantissa, 1n << BigInt(-exponent)] : [mantissa << BigInt(exponent), 1n];
};

const floatHex = (value: number): string => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (value === 0) return `${sign}0x0.0p+0`;
  const { mantissa, exponent } = decompose(Math.abs(value));
  const normal = mantissa >> 52n === 1n;
  const power = exponent + 52;
  const fraction = (mantissa & 0xf_ffff_ffff_ffffn).toString(16).padStart(13, '0');
  return `${sign}0x${normal ? 1 : 0}.${fraction}p${power < 0 ? '-' : '+'}${Math.abs(power)}`;
};

/** Methods of a float. */
export const floatMethodTable: MethodTable<number> = new Map<string, Method<number>>([
  ['is_integer', (_run, self, args, named) => (bind(signature('is_integer', ''), args, named), Number.isInteger(self))],
  ['conjugate', (_run, self) => self],
  ['hex', (run, self) => (run.meter.charge(8), floatHex(self))],
  ['as_integer_ratio', (run, self) => (run.meter.charge(40), new PyTuple(integerRatio(self)))],
]);

/*
 * Digits are taken as a whole and never given back (what a look-ahead has matched is final), so the pattern is linear.
 */
const digits = (group: number): string => `(?=(\\d+(?:_\\d+)*))\\${group}`;
const floatPattern = new RegExp(
  `^[-+]?(?:${digits(1)}(?:\\.(?:${digits(2)})?)?|\\.${digits(3)})(?:e[-+]?${digits(4)})?$`,
  'i',
);
const special = /^([-+]?)(?:(inf|infinity)|(nan))$/i;

/** Python's `float(text)`. Throws `ValueError`. */
const parseFloatText = (run: Run, text: string): number => {
  const body = normalizedNumber(run, text);
  run.meter.spend('walk', body.length);
  const word = special.exec(body);
  if (word !== null) return word[3] !== undefined ? NaN : word[1] === '-' ? -Infinity : Infinity;
  if (!floatPattern.test(body)) throw valueError(`could not convert string to float: ${withheld}`);
  return Number(body.replaceAll('_', ''));
};

const toFloatValue: NativeCall = (run, args, named) => {
  const [value = 0] = bind(signature('float', 'x?'), args, named);
  if (typeof value === 'string') return parseFloatText(run, value);
  if (value instanceof PyBytes) return parseFloatText(run, decodeBytes(run, value.bytes, 'latin-1', 'strict'));
  const integer = integerOf(value);
  if (integer !== undefined) return toFloat(integer);
  if (typeof value === 'number') return value;
  throw typeError(`float() argument must be a string or a real number, not '${typeName(value)}'`);
};

/** The type `float`. */
export const floatType = new PyType('float', toFloatValue);
