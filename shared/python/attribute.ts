import { bytesMethodTable } from './methods-bytes.ts';
import { listMethodTable, rangeMethodTable, tupleMethodTable } from './methods-collection.ts';
import { dictMethodTable } from './methods-dict.ts';
import { floatMethodTable, integerMethodTable, numberAttribute } from './methods-number.ts';
import { setMethodTable } from './methods-set.ts';
import { textMethodTable } from './methods-text.ts';
import { notImplementedError } from './python-error.ts';
import { type Method, type MethodTable, PyFunction, type PyValue } from './values.ts';

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
    case 'exception':
      return name === 'args' ? value.args : undefined;
    default:
      return undefined;
  }
};

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
