import { bind, signature } from './arguments.ts';
import { decodeBytes } from './encodings.ts';
import { textFindMethods } from './methods-text-find.ts';
import { textShapeMethods } from './methods-text-shape.ts';
import { textSplitMethods } from './methods-text-split.ts';
import { typeError } from './python-error.ts';
import { type Method, type MethodTable, PyBytes, PyList, PyTuple, type PyValue } from './values.ts';

/** Bytes as a text of as many characters, and back: what texts can do, bytes can do on their Latin-1 reading. */
const toLatin = (value: PyValue): PyValue => {
  if (typeof value === 'string') throw typeError("a bytes-like object is required, not 'str'");
  if (typeof value !== 'object' || value === null) return value;
  if (value.kind === 'bytes') return Buffer.from(value.bytes).toString('latin1');
  if (value.kind === 'list') return new PyList(value.items.map(toLatin));
  return value.kind === 'tuple' ? new PyTuple(value.items.map(toLatin)) : value;
};

const fromLatin = (value: PyValue): PyValue => {
  if (typeof value === 'string') return new PyBytes(Uint8Array.from(Buffer.from(value, 'latin1')));
  if (typeof value !== 'object' || value === null) return value;
  if (value.kind === 'list') return new PyList(value.items.map(fromLatin));
  return value.kind === 'tuple' ? new PyTuple(value.items.map(fromLatin)) : value;
};

const lifted = new Set(
  (
    'find rfind index rindex count startswith endswith removeprefix removesuffix split rsplit partition rpartition ' +
    'join replace strip lstrip rstrip zfill'
  ).split(' '),
);

const lift =
  (method: Method<string>): Method<PyBytes> =>
  (run, self, args, named) => {
    run.meter.text(self.bytes.length);
    return fromLatin(method(run, toLatin(self) as string, args.map(toLatin), named));
  };

const asciiOnly =
  (change: (text: string) => string): Method<PyBytes> =>
  (run, self, args, named) => {
    bind(signature('bytes', ''), args, named);
    run.meter.text(self.bytes.length);
    return fromLatin((toLatin(self) as string).replaceAll(/[A-Za-z]+/g, change));
  };

const hex: Method<PyBytes> = (run, self, args, named) => {
  bind(signature('hex', ''), args, named);
  run.meter.text(self.bytes.length * 2);
  return Buffer.from(self.bytes).toString('hex');
};

const decode: Method<PyBytes> = (run, self, args, named) => {
  const [encoding, errors] = bind(signature('decode', 'encoding? errors?', true), args, named);
  run.meter.text(self.bytes.length);
  return decodeBytes(self.bytes, encoding, errors);
};

/** Methods of bytes. */
export const bytesMethodTable: MethodTable<PyBytes> = new Map<string, Method<PyBytes>>([
  ...[...textFindMethods, ...textSplitMethods, ...textShapeMethods]
    .filter(([name]) => lifted.has(name))
    .map(([name, method]): [string, Method<PyBytes>] => [name, lift(method)]),
  ['upper', asciiOnly((text) => text.toUpperCase())],
  ['lower', asciiOnly((text) => text.toLowerCase())],
  ['hex', hex],
  ['decode', decode],
]);
