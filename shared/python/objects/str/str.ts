import { textFindMethods } from './find.ts';
import { textShapeMethods } from './shape.ts';
import { textSplitMethods } from './split.ts';
import { bind, signature } from '../arguments.ts';
import { decodeBytes } from '../codecs.ts';
import { setMember } from '../dict.ts';
import { type MethodTable, type NativeCall, PyBytes, PyDict, PyFunction, PyType } from '../object.ts';
import { typeError, valueError } from '../python-error.ts';
import { str } from '../repr.ts';
import { typeName } from '../type-name.ts';
import { unbound } from '../unbound.ts';

/** All methods of a text. `format` and `format_map` are left out: they read attributes by name. */
export const textMethodTable: MethodTable<string> = new Map([
  ...textFindMethods,
  ...textSplitMethods,
  ...textShapeMethods,
]);

const toText: NativeCall = (run, args, named) => {
  const [value = '', encoding, errors] = bind(signature('str', 'object? encoding? errors?', true), args, named);
  if (encoding === undefined && errors === undefined) return str(run, value);
  if (!(value instanceof PyBytes))
    throw typeError(`decoding to str: need a bytes-like object, ${typeName(value)} found`);
  return decodeBytes(run, value.bytes, encoding, errors);
};

/** `str.maketrans`. */
const translationTable: NativeCall = (run, args) => {
  const [from, to, dropped] = args;
  const table = new PyDict();
  const pointOf = (character: string): bigint => BigInt(character.codePointAt(0)!);
  if (typeof from === 'string' && typeof to === 'string') {
    run.meter.spend('spread', from.length + to.length);
    const [keys, values] = [Array.from(from), Array.from(to)];
    if (keys.length !== values.length) throw valueError('the first two maketrans arguments must have equal length');
    keys.forEach((key, index) => setMember(run, table, pointOf(key), pointOf(values[index]!)));
    if (typeof dropped === 'string') for (const key of dropped) setMember(run, table, pointOf(key), null);
    return table;
  }
  if (typeof from !== 'object' || from === null || from.kind !== 'dict') {
    throw typeError('if you give only one argument to maketrans it must be a dict');
  }
  for (const { key, value } of from.entries.values()) {
    setMember(run, table, typeof key === 'string' ? pointOf(key) : key, value);
  }
  return table;
};

/** The type `str`. */
export const strType = new PyType('str', toText, {
  attributes: new Map([
    ...unbound('str', textMethodTable),
    ['maketrans', new PyFunction('maketrans', translationTable)],
  ]),
});
