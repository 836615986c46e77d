import { bytesMethodTable } from './bytes.ts';
import { listMethodTable } from './list.ts';
import { rangeMethodTable } from './range.ts';
import { tupleMethodTable } from './tuple.ts';
import { dictMethodTable } from './dict.ts';
import { floatMethodTable } from './float.ts';
import { integerMethodTable } from './int.ts';
import { integerOf } from './number.ts';
import { setMethodTable } from './set.ts';
import { textMethodTable } from './str/str.ts';
import { notImplementedError } from './python-error.ts';
import { type Method, type MethodTable, PyFunction, type PyValue } from './object.ts';

/**
 * `value.name`: what the tables list and nothing else; a missing attribute is None (reference.md D.6). Names that start
 * with `_` do not come this far. Throws `NotImplementedError` for `str.format`.
 */
export const attribute = (value: PyValue, name: string): PyValue => {
  const isText =
    typeof value === 'string' || (typeof value === 'object' && value?.kind === 'type' && value.name === 'str');
  if (isText && (name === 'format' || name === 'format_map')) {
    throw notImplementedError('Using the format*() methods of `str` is not safe');
  }
  const method = tableOf(value)?.get(name) as Method<PyValue> | undefined;
  if (method !== undefined) return new PyFunction(name, (run, args, named) => method(run, value, args, named));
  return dataAttribute(value, name) ?? null;
};

const tableOf = (value: PyValue): MethodTable<never> | undefined => {
  switch (typeof value) {
    case 'string':
      return textMethodTable;
    case 'boolean':
    case 'bigint':
      return integerMethodTable;
    case 'number':
      return floatMethodTable;
    default:
  }
  if (value === null) return undefined;
  switch (value.kind) {
    case 'list':
      return listMethodTable;
    case 'tuple':
      return tupleMethodTable;
    case 'range':
      return rangeMethodTable;
    case 'dict':
      return dictMethodTable;
    case 'set':
      return setMethodTable;
    case 'bytes':
      return bytesMethodTable;
    default:
      return undefined;
  }
};

const dataAttribute = (value: PyValue, name: string): PyValue | undefined => {
  if (typeof value === 'boolean' || typeof value === 'bigint' || typeof value === 'number') {
    return numberAttribute(value, name);
  }
  if (typeof value !== 'object' || value === null) return undefined;
  switch (value.kind) {
    case 'record':
    case 'namespace':
    case 'type':
      return value.attributes.get(name);
    case 'range':
    case 'slice':
      return name === 'start' || name === 'stop' || name === 'step' ? value[name] : undefined;
    case 'enum':
      return name === 'name' || name === 'value' ? value.member : undefined;
    case 'exception':
      return name === 'args' ? value.args : undefined;
    default:
      return undefined;
  }
};

/** `real`, `imag` and, of an integer, its parts as a fraction: attributes, not methods. */
const numberAttribute = (value: boolean | bigint | number, name: string): PyValue | undefined => {
  const whole = integerOf(value);
  if (name === 'real') return whole ?? value;
  if (name === 'imag') return whole === undefined ? 0 : 0n;
  if (whole !== undefined && name === 'numerator') return whole;
  return whole !== undefined && name === 'denominator' ? 1n : undefined;
};
