import { bind, signature } from './arguments.ts';
import { decodeBytes, encodeText } from './encodings.ts';
import { integerOf, requireCount, requireInteger, toFloat } from './integers.ts';
import { collect, isIterable, iterate } from './iterate.ts';
import { bytesMethodTable } from './methods-bytes.ts';
import { dictMethodTable } from './methods-dict.ts';
import { integerFromBytes } from './methods-number.ts';
import { textMethodTable } from './methods-text.ts';
import { parseFloatText, parseInteger } from './parse-number.ts';
import { notImplementedError, overflowError, typeError, valueError } from './python-error.ts';
import { repr, str } from './repr.ts';
import type { Run } from './run.ts';
import { truth } from './truth.ts';
import { typeName } from './type-name.ts';
import {
  type Method,
  type MethodTable,
  type NativeCall,
  PyBytes,
  PyFunction,
  PyIterator,
  PyList,
  PyRange,
  PySlice,
  PyTuple,
  PyType,
  type PyValue,
} from './values.ts';

/** Methods as functions of their receiver: `str.upper('a')`. */
const unbound = <Self extends PyValue>(owner: string, table: MethodTable<Self>): Map<string, PyValue> =>
  new Map(
    Array.from(table as unknown as ReadonlyMap<string, Method<PyValue>>, ([name, method]): [string, PyValue] => [
      name,
      new PyFunction(name, (run, [self, ...args], named) => {
        if (self === undefined) throw typeError(`unbound method ${owner}.${name}() needs an argument`);
        if (typeName(self) !== owner) {
          throw typeError(`descriptor '${name}' for '${owner}' objects doesn't apply to a '${typeName(self)}' object`);
        }
        return method(run, self, args, named);
      }),
    ]),
  );

const toInteger: NativeCall = (run, args, named) => {
  const [value = 0n, base] = bind(signature('int', 'x? base?', true), args, named);
  const text =
    typeof value === 'string'
      ? value
      : value instanceof PyBytes
        ? decodeBytes(value.bytes, 'latin-1', 'strict')
        : undefined;
  if (base !== undefined) {
    if (text === undefined) throw typeError("int() can't convert non-string with explicit base");
    const wanted = Number(requireInteger(base));
    if (wanted !== 0 && (wanted < 2 || wanted > 36)) throw valueError('int() base must be >= 2 and <= 36, or 0');
    return parseInteger(run, text, wanted, () => repr(run, value));
  }
  if (text !== undefined) return parseInteger(run, text, 10, () => repr(run, value));
  const integer = integerOf(value);
  if (integer !== undefined) return integer;
  if (typeof value !== 'number') {
    throw typeError(`int() argument must be a string, a bytes-like object or a real number, not '${typeName(value)}'`);
  }
  if (Number.isNaN(value)) throw valueError('cannot convert float NaN to integer');
  if (!Number.isFinite(value)) throw overflowError('cannot convert float infinity to integer');
  return BigInt(Math.trunc(value));
};

const toFloatValue: NativeCall = (run, args, named) => {
  const [value = 0] = bind(signature('float', 'x?'), args, named);
  if (typeof value === 'string') return parseFloatText(run, value, () => repr(run, value));
  if (value instanceof PyBytes)
    return parseFloatText(run, decodeBytes(value.bytes, 'latin-1', 'strict'), () => repr(run, value));
  const integer = integerOf(value);
  if (integer !== undefined) return toFloat(integer);
  if (typeof value === 'number') return value;
  throw typeError(`float() argument must be a string or a real number, not '${typeName(value)}'`);
};

const toText: NativeCall = (run, args, named) => {
  const [value = '', encoding, errors] = bind(signature('str', 'object? encoding? errors?', true), args, named);
  if (encoding === undefined && errors === undefined) return str(run, value);
  if (!(value instanceof PyBytes))
    throw typeError(`decoding to str: need a bytes-like object, ${typeName(value)} found`);
  run.meter.text(value.bytes.length);
  return decodeBytes(value.bytes, encoding, errors);
};

const toBytes: NativeCall = (run, args, named) => {
  const [source, encoding, errors] = bind(signature('bytes', 'source? encoding? errors?', true), args, named);
  if (source === undefined) return new PyBytes(new Uint8Array());
  if (typeof source === 'string') {
    if (encoding === undefined) throw typeError('string argument without an encoding');
    run.meter.text(source.length * 3);
    return new PyBytes(encodeText(source, encoding, errors));
  }
  if (source instanceof PyBytes) return source;
  if (integerOf(source) !== undefined) {
    const length = requireCount(source);
    if (length < 0) throw valueError('negative count');
    run.meter.text(length);
    return new PyBytes(new Uint8Array(length));
  }
  if (!isIterable(source)) throw typeError(`cannot convert '${typeName(source)}' object to bytes`);
  const numbers = collect(run, source).map(requireInteger);
  if (numbers.some((each) => each < 0n || each > 255n)) throw valueError('bytes must be in range(0, 256)');
  return new PyBytes(Uint8Array.from(numbers, Number));
};

const toRange: NativeCall = (_run, args, named) => {
  const [first = null, second, third] = bind(signature('range', 'start stop? step?'), args, named);
  const step = third === undefined ? 1n : requireInteger(third);
  if (step === 0n) throw valueError('range() arg 3 must not be zero');
  return second === undefined
    ? new PyRange(0n, requireInteger(first), step)
    : new PyRange(requireInteger(first), requireInteger(second), step);
};

const toSlice: NativeCall = (_run, args, named) => {
  const [first = null, second, third = null] = bind(signature('slice', 'start stop? step?'), args, named);
  return second === undefined ? new PySlice(null, first, null) : new PySlice(first, second, third);
};

function* zipped(run: Run, iterators: readonly Iterator<PyValue>[], strict: boolean): Generator<PyValue> {
  if (iterators.length === 0) return;
  for (;;) {
    const items: PyValue[] = [];
    for (const [index, iterator] of iterators.entries()) {
      const next = iterator.next();
      if (next.done === true) {
        const longer = index === 0 ? iterators.findIndex((other, at) => at > 0 && other.next().done !== true) : -1;
        if (strict && index > 0)
          throw valueError(
            `zip() argument ${index + 1} is shorter than argument${index === 1 ? ' 1' : `s 1-${index}`}`,
          );
        if (strict && longer !== -1)
          throw valueError(
            `zip() argument ${longer + 1} is longer than argument${longer === 1 ? ' 1' : `s 1-${longer}`}`,
          );
        return;
      }
      items.push(next.value);
    }
    run.meter.charge(1);
    yield new PyTuple(items);
  }
}

const toZip: NativeCall = (run, args, named) => {
  const iterators = args.map((each) => iterate(run, each));
  return new PyIterator('zip', zipped(run, iterators, truth(named.get('strict') ?? false)));
};

const translationTable: NativeCall = (run, args) => {
  const [from, to, dropped] = args;
  const fromKeys = dictMethodTable.get('fromkeys')!;
  const table = fromKeys(run, null as never, [new PyList([])], new Map()) as never;
  const set = dictMethodTable.get('setdefault')!;
  const pointOf = (character: string): bigint => BigInt(character.codePointAt(0)!);
  if (typeof from === 'string' && typeof to === 'string') {
    run.meter.items(from.length);
    run.meter.items(to.length);
    const [keys, values] = [Array.from(from), Array.from(to)];
    if (keys.length !== values.length) throw valueError('the first two maketrans arguments must have equal length');
    const pairs = new Map(keys.map((key, index) => [key, pointOf(values[index]!)] as const));
    if (typeof dropped === 'string') for (const key of dropped) pairs.delete(key);
    for (const [key, value] of pairs) set(run, table, [pointOf(key), value], new Map());
    if (typeof dropped === 'string') for (const key of dropped) set(run, table, [pointOf(key), null], new Map());
    return table;
  }
  if (typeof from !== 'object' || from === null || from.kind !== 'dict') {
    throw typeError('if you give only one argument to maketrans it must be a dict');
  }
  for (const { key, value } of from.entries.values()) {
    set(run, table, [typeof key === 'string' ? pointOf(key) : key, value], new Map());
  }
  return table;
};

const fromBytes: NativeCall = (run, args, named) => {
  const [source = null, order, signed = false] = bind(
    signature('from_bytes', 'bytes byteorder? signed?', true),
    args,
    named,
  );
  const value = toBytes(run, [source], new Map()) as PyBytes;
  run.meter.bits(value.bytes.length * 8);
  return integerFromBytes(value.bytes, order, truth(signed));
};

const intType = new PyType('int', toInteger, {
  attributes: new Map([['from_bytes', new PyFunction('from_bytes', fromBytes)]]),
});

/** The types that have a name in the language; all others (`list`, `dict`, `set`, `type`) are not available. */
export const builtinTypes: readonly PyType[] = [
  intType,
  new PyType('bool', (_run, args, named) => truth(bind(signature('bool', 'x?'), args, named)[0] ?? false), {
    base: intType,
  }),
  new PyType('float', toFloatValue),
  new PyType('str', toText, {
    attributes: new Map([
      ...unbound('str', textMethodTable),
      ['maketrans', new PyFunction('maketrans', translationTable)],
    ]),
  }),
  new PyType('bytes', toBytes, { attributes: unbound('bytes', bytesMethodTable) }),
  new PyType('tuple', (run, args, named) => {
    const [source] = bind(signature('tuple', 'iterable?'), args, named);
    return source instanceof PyTuple ? source : new PyTuple(source === undefined ? [] : collect(run, source));
  }),
  new PyType('range', toRange),
  new PyType('slice', toSlice),
  new PyType('zip', toZip),
  new PyType('complex', () => {
    throw notImplementedError('complex numbers are not supported');
  }),
];
