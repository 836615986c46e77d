import { bind, signature } from './arguments.ts';
import { decodeBytes, encodeText } from './codecs.ts';
import { textFindMethods } from './str/find.ts';
import { textShapeMethods } from './str/shape.ts';
import { textSplitMethods } from './str/split.ts';
import { typeError, valueError } from './python-error.ts';
import {
  type Method,
  type MethodTable,
  type NativeCall,
  noNamed,
  PyBytes,
  PyList,
  PyTuple,
  PyType,
  type PyValue,
  type Run,
} from './object.ts';
import { collect, isIterable, iterate } from './iterate.ts';
import { integerOf, requireCount, requireInteger } from './number.ts';
import { typeName } from './type-name.ts';
import { unbound } from './unbound.ts';

/** Bytes joined in one pass. */
export const joinBytes = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** Bytes as a text of as many characters, and back: what texts can do, bytes can do on their Latin-1 reading. */
const toLatin = (run: Run, value: PyValue): PyValue => {
  if (typeof value === 'string') throw typeError("a bytes-like object is required, not 'str'");
  if (typeof value !== 'object' || value === null) return value;
  if (value.kind === 'bytes') {
    run.meter.spend('latin', value.bytes.length);
    return Buffer.from(value.bytes).toString('latin1');
  }
  if (value.kind !== 'tuple') return value;
  run.meter.items(value.items.length);
  return new PyTuple(value.items.map((item) => (item instanceof PyBytes ? toLatin(run, item) : item)));
};

const fromLatin = (run: Run, value: PyValue): PyValue => {
  if (typeof value === 'string') {
    run.meter.spend('latin', value.length);
    run.meter.spend('object', 1);
    return new PyBytes(Uint8Array.from(Buffer.from(value, 'latin1')));
  }
  if (typeof value !== 'object' || value === null) return value;
  if (value.kind === 'list') return new PyList(value.items.map((item) => fromLatin(run, item)));
  return value.kind === 'tuple' ? new PyTuple(value.items.map((item) => fromLatin(run, item))) : value;
};

const lifted = new Set(
  (
    'find rfind index rindex count startswith endswith removeprefix removesuffix split rsplit partition rpartition ' +
    'replace strip lstrip rstrip zfill'
  ).split(' '),
);

const lift =
  (method: Method<string>): Method<PyBytes> =>
  (run, self, args, named) => {
    const lifted = args.map((each) => toLatin(run, each));
    return fromLatin(run, method(run, toLatin(run, self) as string, lifted, named));
  };

const asciiOnly =
  (change: (text: string) => string): Method<PyBytes> =>
  (run, self, args, named) => {
    bind(signature('bytes', ''), args, named);
    run.meter.spend('walk', self.bytes.length);
    return fromLatin(run, (toLatin(run, self) as string).replaceAll(/[A-Za-z]+/g, change));
  };

const join: Method<PyBytes> = (run, self, args, named) => {
  const [iterable = null] = bind(signature('bytes.join', 'iterable'), args, named);
  if (!isIterable(iterable)) throw typeError('can only join an iterable');
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const item of iterate(run, iterable)) {
    if (!(item instanceof PyBytes)) {
      throw typeError(`sequence item ${parts.length >> 1}: expected a bytes-like object, ${typeName(item)} found`);
    }
    if (parts.length > 0) parts.push(self.bytes);
    parts.push(item.bytes);
    length += item.bytes.length + (parts.length > 1 ? self.bytes.length : 0);
    run.meter.madeBytes(length > run.meter.limits.maxTextLength ? length : item.bytes.length);
  }
  run.meter.madeBytes(length);
  return new PyBytes(joinBytes(parts));
};

const hex: Method<PyBytes> = (run, self, args, named) => {
  bind(signature('hex', ''), args, named);
  run.meter.text(self.bytes.length * 2);
  return Buffer.from(self.bytes).toString('hex');
};

const decode: Method<PyBytes> = (run, self, args, named) => {
  const [encoding, errors] = bind(signature('decode', 'encoding? errors?', true), args, named);
  return decodeBytes(run, self.bytes, encoding, errors);
};

const construct: NativeCall = (run, args, named) => {
  const [source, encoding, errors] = bind(signature('bytes', 'source? encoding? errors?', true), args, named);
  run.meter.spend('object', 1);
  if (source === undefined) return new PyBytes(new Uint8Array());
  if (typeof source === 'string') {
    if (encoding === undefined) throw typeError('string argument without an encoding');
    return new PyBytes(encodeText(run, source, encoding, errors));
  }
  if (source instanceof PyBytes) return source;
  if (integerOf(source) !== undefined) {
    const length = requireCount(source);
    if (length < 0) throw valueError('negative count');
    run.meter.madeBytes(length);
    return new PyBytes(new Uint8Array(length));
  }
  if (!isIterable(source)) throw typeError(`cannot convert '${typeName(source)}' object to bytes`);
  const numbers = collect(run, source).map(requireInteger);
  if (numbers.some((each) => each < 0n || each > 255n)) throw valueError('bytes must be in range(0, 256)');
  return new PyBytes(Uint8Array.from(numbers, Number));
};

/** What `bytes(source)` makes. */
export const bytesOf = (run: Run, source: PyValue): PyBytes => construct(run, [source], noNamed) as PyBytes;

/** Methods of bytes. */
export const bytesMethodTable: MethodTable<PyBytes> = new Map<string, Method<PyBytes>>([
  ...[...textFindMethods, ...textSplitMethods, ...textShapeMethods]
    .filter(([name]) => lifted.has(name))
    .map(([name, method]): [string, Method<PyBytes>] => [name, lift(method)]),
  ['upper', asciiOnly((text) => text.toUpperCase())],
  ['lower', asciiOnly((text) => text.toLowerCase())],
  ['join', join],
  ['hex', hex],
  ['decode', decode],
]);

/** The type `bytes`. */
export const bytesType = new PyType('bytes', construct, { attributes: unbound('bytes', bytesMethodTable) });
