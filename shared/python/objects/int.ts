import { bind, signature } from './arguments.ts';
import { bytesOf } from './bytes.ts';
import { decodeBytes } from './codecs.ts';
import { normalizedNumber } from './number-text.ts';
import { bitLength, integerOf, requireCount, requireInteger } from './number.ts';
import {
  type Method,
  type MethodTable,
  type NativeCall,
  PyBytes,
  PyFunction,
  PyTuple,
  PyType,
  type PyValue,
  type Run,
} from './object.ts';
import { overflowError, typeError, valueError, withheld } from './python-error.ts';
import { truth } from './truth.ts';
import { typeName } from './type-name.ts';

const maxDecimalDigits = 4300;

const prefixes: Readonly<Record<string, number>> = { '0b': 2, '0o': 8, '0x': 16 };

const digitsOf = (base: number): RegExp => {
  const last = base <= 10 ? `0-${base - 1}` : `0-9a-${String.fromCharCode(86 + base)}`;
  return new RegExp(`^[${last}]+(?:_[${last}]+)*$`, 'i');
};

const accumulate = (run: Run, digits: string, base: number): bigint => {
  const names: Readonly<Record<number, string>> = { 2: '0b', 8: '0o', 16: '0x' };
  run.meter.bits(Math.ceil(digits.length * Math.log2(base)));
  const bits = digits.length * 4;
  run.meter.product(bits, bits);
  if (base === 10) return BigInt(digits);
  const name = names[base];
  if (name !== undefined) return BigInt(name + digits);
  let value = 0n;
  for (const digit of digits) {
    run.meter.charge(2);
    value = value * BigInt(base) + BigInt(Number.parseInt(digit, 36));
  }
  return value;
};

/** Python's `int(text, base)`. Throws `ValueError`. */
const parseInteger = (run: Run, text: string, base: number): bigint => {
  const invalid = (): Error => valueError(`invalid literal for int() with base ${base}: ${withheld}`);
  let body = normalizedNumber(run, text);
  const negative = body.startsWith('-');
  if (negative || body.startsWith('+')) body = body.slice(1);
  const prefix = body.slice(0, 2).toLowerCase();
  let actual = base;
  const named = Object.hasOwn(prefixes, prefix) ? prefixes[prefix] : undefined;
  if (named !== undefined && (base === 0 || base === named)) {
    actual = named;
    body = body.slice(2).replace(/^_/, '');
  } else if (base === 0) {
    actual = 10;
    if (/^0[\d_]*[1-9]/.test(body)) throw invalid();
  }
  run.meter.scan(body.length * 4);
  run.meter.charge(4);
  const powerOfTwo = (actual & (actual - 1)) === 0;
  const count = body.replaceAll('_', '').length;
  if (!powerOfTwo && count > maxDecimalDigits && digitsOf(actual).test(body)) {
    throw valueError(
      `Exceeds the limit (4300 digits) for integer string conversion: value has ${count} digits; use sys.set_int_max_str_digits() to increase the limit`,
    );
  }
  if (!digitsOf(actual).test(body)) throw invalid();
  const value = accumulate(run, body.replaceAll('_', ''), actual);
  return negative ? -value : value;
};

const toInteger: NativeCall = (run, args, named) => {
  const [value = 0n, base] = bind(signature('int', 'x? base?', true), args, named);
  const text =
    typeof value === 'string'
      ? value
      : value instanceof PyBytes
        ? decodeBytes(run, value.bytes, 'latin-1', 'strict')
        : undefined;
  if (base !== undefined) {
    if (text === undefined) throw typeError("int() can't convert non-string with explicit base");
    const wanted = Number(requireInteger(base));
    if (wanted !== 0 && (wanted < 2 || wanted > 36)) throw valueError('int() base must be >= 2 and <= 36, or 0');
    return parseInteger(run, text, wanted);
  }
  if (text !== undefined) return parseInteger(run, text, 10);
  const integer = integerOf(value);
  if (integer !== undefined) return integer;
  if (typeof value !== 'number') {
    throw typeError(`int() argument must be a string, a bytes-like object or a real number, not '${typeName(value)}'`);
  }
  if (Number.isNaN(value)) throw valueError('cannot convert float NaN to integer');
  if (!Number.isFinite(value)) throw overflowError('cannot convert float infinity to integer');
  return BigInt(Math.trunc(value));
};

const asInteger = (value: PyValue): bigint => integerOf(value) ?? 0n;

const toBytes: Method<PyValue> = (run, self, args, named) => {
  const [length = 1n, order = 'big', signed = false] = bind(
    signature('to_bytes', 'length? byteorder? signed?', true),
    args,
    named,
  );
  const size = requireCount(length);
  if (size < 0) throw valueError('length argument must be non-negative');
  run.meter.spend('conversion', 1);
  run.meter.madeBytes(size * 5);
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
  (name: string, result: (run: Run, value: PyValue) => PyValue): Method<PyValue> =>
  (run, self, args, named) => {
    bind(signature(name, ''), args, named);
    return result(run, self);
  };

const bitCount = (run: Run, value: PyValue): bigint => {
  const integer = asInteger(value);
  run.meter.charge(bitLength(integer) >> 4);
  let count = 0;
  for (const digit of (integer < 0n ? -integer : integer).toString(16))
    count += bitsOfDigit[Number.parseInt(digit, 16)]!;
  return BigInt(count);
};

const bitsOfDigit = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];

/** Methods of an integer. */
export const integerMethodTable: MethodTable<PyValue> = new Map<string, Method<PyValue>>([
  ['bit_length', constant('bit_length', (_run, value) => BigInt(bitLength(asInteger(value))))],
  ['bit_count', constant('bit_count', bitCount)],
  ['conjugate', constant('conjugate', (_run, value) => asInteger(value))],
  ['as_integer_ratio', constant('as_integer_ratio', (_run, value) => new PyTuple([asInteger(value), 1n]))],
  ['to_bytes', toBytes],
]);

/** `int.from_bytes`. */
const integerFromBytes = (bytes: Uint8Array, order: PyValue | undefined, signed: boolean): bigint => {
  const big = order === 'little' ? Uint8Array.from(bytes).reverse() : bytes;
  const hex = Buffer.from(big).toString('hex');
  const value = hex === '' ? 0n : BigInt(`0x${hex}`);
  return signed ? BigInt.asIntN(big.length * 8, value) : value;
};

const fromBytes: NativeCall = (run, args, named) => {
  const [source = null, order, signed = false] = bind(
    signature('from_bytes', 'bytes byteorder? signed?', true),
    args,
    named,
  );
  const value = bytesOf(run, source);
  run.meter.bits(value.bytes.length * 8);
  return integerFromBytes(value.bytes, order, truth(signed));
};

/** The type `int`. */
export const intType = new PyType('int', toInteger, {
  attributes: new Map([['from_bytes', new PyFunction('from_bytes', fromBytes)]]),
});
