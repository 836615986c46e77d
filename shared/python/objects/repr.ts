import { floatRepr } from '../../json/float-repr.ts';
import { pythonRepr } from '../../json/python-repr.ts';
import { bitLength } from './number.ts';
import { valueError } from './python-error.ts';
import type { PyObject, PyValue, Run } from './object.ts';
import { viewItems } from './dict-view.ts';

const printable = /^[ -~]*$/;

/** Python refuses to write longer integers in decimal. */
const maxDecimalDigits = 4300;

/** The decimal digits of an integer. Throws Python's `ValueError` beyond 4300 of them. */
export const integerText = (run: Run, value: bigint): string => {
  const bits = bitLength(value);
  if (bits > 64) {
    run.meter.product(bits, bits);
    run.meter.text(bits >> 1);
  }
  const text = bits > 4 * maxDecimalDigits ? undefined : value.toString();
  if (text === undefined || text.length - (value < 0n ? 1 : 0) > maxDecimalDigits) {
    throw valueError(
      'Exceeds the limit (4300 digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit',
    );
  }
  return text;
};

/** Python's `repr`. Throws `ValueError` for integers of more than 4300 digits. */
export const repr = (run: Run, value: PyValue, depth = 0): string => {
  let text: string;
  if (typeof value === 'string') {
    // What is all printable ASCII is quoted at once; else every character is looked up.
    run.meter.scan(value.length);
    if (!printable.test(value)) run.meter.spend('classify', value.length);
    run.meter.text(value.length);
    text = pythonRepr(value);
  } else if (typeof value === 'bigint') text = integerText(run, value);
  else if (typeof value === 'number') text = floatRepr(value);
  else if (typeof value === 'boolean') text = value ? 'True' : 'False';
  else if (value === null) text = 'None';
  else text = objectRepr(run, value, depth);
  run.meter.text(text.length);
  return text;
};

/** Python's `str`. */
export const str = (run: Run, value: PyValue): string => {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null) {
    if (value.kind === 'enum') return `${value.typeName}.${value.member}`;
    if (value.kind === 'record') return recordText(run, value.attributes, ' ', 0);
    if (value.kind === 'exception') {
      const [only] = value.args.items;
      if (only === undefined) return '';
      if (value.args.items.length > 1) return repr(run, value.args);
      return value.type.name === 'KeyError' ? repr(run, only) : str(run, only);
    }
  }
  return repr(run, value);
};

const objectRepr = (run: Run, value: PyObject, depth: number): string => {
  const inner = run.meter.deeper(depth);
  run.meter.spend('written', 1);
  const list = (items: Iterable<PyValue>): string =>
    Array.from(items, (item) => (run.meter.items(2), repr(run, item, inner))).join(', ');
  switch (value.kind) {
    case 'list':
      return `[${list(value.items)}]`;
    case 'tuple':
      return value.items.length === 1 ? `(${list(value.items)},)` : `(${list(value.items)})`;
    case 'set':
      return value.members.size === 0 ? 'set()' : `{${list(value.members.values())}}`;
    case 'dict': {
      const members = Array.from(
        value.entries.values(),
        (entry) => `${repr(run, entry.key, inner)}: ${repr(run, entry.value, inner)}`,
      );
      return `{${members.join(', ')}}`;
    }
    case 'view':
      run.meter.spend('entry', value.dict.entries.size);
      return `dict_${value.part}([${list(viewItems(value))}])`;
    case 'bytes':
      return bytesRepr(run, value.bytes);
    case 'range':
      return `range(${integerText(run, value.start)}, ${integerText(run, value.stop)}${value.step === 1n ? '' : `, ${integerText(run, value.step)}`})`;
    case 'slice':
      return `slice(${list([value.start, value.stop, value.step])})`;
    case 'record':
      return `${value.typeName}(${recordText(run, value.attributes, ', ', inner)})`;
    case 'enum':
      return `<${value.typeName}.${value.member}: '${value.member}'>`;
    case 'exception':
      return `${value.type.name}(${list(value.args.items)})`;
    case 'type':
      return `<class '${value.name}'>`;
    case 'function':
      return value.typeName === 'function'
        ? `<function ${value.name} at ${address(run, value)}>`
        : `<built-in function ${value.name}>`;
    case 'namespace':
      return value.typeName === 'module'
        ? `<module '${value.name}' (built-in)>`
        : `<${value.name} object at ${address(run, value)}>`;
    case 'opaque':
      return value.text;
    default:
      return `<${value.typeName} object at ${address(run, value)}>`;
  }
};

const bytesRepr = (run: Run, bytes: Uint8Array): string => {
  run.meter.spend('classify', bytes.length);
  run.meter.text(bytes.length);
  run.meter.spend('item', bytes.length * 6);
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = Array.from(text, (character) => {
    if (character === '\\' || character === quote) return `\\${character}`;
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    if (character === '\t') return '\\t';
    const code = character.charCodeAt(0);
    return code < 0x20 || code > 0x7e ? `\\x${code.toString(16).padStart(2, '0')}` : character;
  });
  return `b${quote}${escaped.join('')}${quote}`;
};

const recordText = (run: Run, attributes: ReadonlyMap<string, PyValue>, separator: string, depth: number): string =>
  Array.from(attributes, ([name, value]) => `${name}=${repr(run, value, depth)}`).join(separator);

/** Where an object would show its address: any address will do, as long as it is the same at every attempt. */
const address = (run: Run, value: object): string => `0x${run.identify(value).toString(16).padStart(12, '0')}`;
