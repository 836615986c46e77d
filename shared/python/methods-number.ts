import { bind, signature } from './arguments.ts';
import { decompose } from './exact-float.ts';
import { bitLength, integerOf, requireCount } from './integers.ts';
import { overflowError, valueError } from './python-error.ts';
import { truth } from './truth.ts';
import { type Method, type MethodTable, PyBytes, PyTuple, type PyValue } from './values.ts';

const asInteger = (value: PyValue): bigint => integerOf(value) ?? 0n;

const toBytes: Method<PyValue> = (run, self, args, named) => {
  const [length = 1n, order = 'big', signed = false] = bind(
    signature('to_bytes', 'length? byteorder? signed?', true),
    args,
    named,
  );
  const size = requireCount(length);
  if (size < 0) throw valueError('length argument must be non-negative');
  run.meter.text(size);
  const value = asInteger(self);
  if (value < 0n && !truth(signed)) throw overflowError("can't convert negative int to unsigned");
  const bits = bitLength(value) + (truth(signed) ? 1 : 0);
  if (bits > size * 8 && !(value < 0n && -value === 1n << BigInt(size * 8 - 1)))
    throw overflowError('int too big to convert');
  const hex = BigInt.asUintN(size * 8, value)
    .toString(16)
    .padStart(size * 2, '0')
    .slice(-size * 2 || Infinity);
  const bytes = Uint8Array.from(Buffer.from(size === 0 ? '' : hex, 'hex'));
  return new PyBytes(order === 'little' ? bytes.reverse() : bytes);
};

const constant =
  (name: string, result: (value: PyValue) => PyValue): Method<PyValue> =>
  (_run, self, args, named) => {
    bind(signature(name, ''), args, named);
    return result(self);
  };

/** Methods of an integer. */
export const integerMethodTable: MethodTable<PyValue> = new Map<string, Method<PyValue>>([
  ['bit_length', constant('bit_length', (value) => BigInt(bitLength(asInteger(value))))],
  ['bit_count', constant('bit_count', (value) => BigInt(asInteger(value).toString(2).replaceAll(/[^1]/g, '').length))],
  ['conjugate', constant('conjugate', asInteger)],
  ['as_integer_ratio', constant('as_integer_ratio', (value) => new PyTuple([asInteger(value), 1n]))],
  ['to_bytes', toBytes],
]);

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
  ['hex', (_run, self) => floatHex(self)],
  ['as_integer_ratio', (_run, self) => new PyTuple(integerRatio(self))],
]);

/** `real`, `imag` and, of an integer, its parts as a fraction: attributes, not methods. */
export const numberAttribute = (value: boolean | bigint | number, name: string): PyValue | undefined => {
  const whole = integerOf(value);
  if (name === 'real') return whole ?? value;
  if (name === 'imag') return whole === undefined ? 0 : 0n;
  if (whole !== undefined && name === 'numerator') return whole;
  return whole !== undefined && name === 'denominator' ? 1n : undefined;
};

/** `int.from_bytes`. */
export const integerFromBytes = (bytes: Uint8Array, order: PyValue | undefined, signed: boolean): bigint => {
  const big = order === 'little' ? Uint8Array.from(bytes).reverse() : bytes;
  const hex = Buffer.from(big).toString('hex');
  const value = hex === '' ? 0n : BigInt(`0x${hex}`);
  return signed ? BigInt.asIntN(big.length * 8, value) : value;
};
