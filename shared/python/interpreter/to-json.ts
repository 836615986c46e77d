import { floatRepr } from '../../json/float-repr.ts';
import { JsonFloat, JsonTuple, type JsonValue } from '../../json/json-value.ts';
import { typeError } from '../objects/python-error.ts';
import { integerText } from '../objects/repr.ts';
import type { PyDict, PyValue, Run } from '../objects/object.ts';
import { typeName } from '../objects/type-name.ts';

/**
 * A result as JSON: tuples and lists are arrays, dictionaries are maps. Sets, bytes, functions and the like cannot be
 * stored; Throws `TypeError: Object of type set is not JSON serializable`.
 */
export const toJson = (run: Run, value: PyValue, depth = 0): JsonValue => {
  run.meter.charge(1);
  run.meter.keep(typeof value === 'string' ? 16 + value.length * 2 : 16);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    // Python cannot write longer ones, and so not store them.
    integerText(run, value);
    return value;
  }
  if (typeof value === 'number') return Number.isInteger(value) ? new JsonFloat(value) : value;
  switch (value.kind) {
    case 'list':
    case 'tuple': {
      const inner = run.meter.deeper(depth);
      const items = value.items.map((item) => toJson(run, item, inner));
      return value.kind === 'tuple' ? JsonTuple.from(items) : items;
    }
    case 'dict':
      return fromDict(run, value, run.meter.deeper(depth));
    default:
      throw typeError(`Object of type ${typeName(value)} is not JSON serializable`);
  }
};

const fromDict = (run: Run, dict: PyDict, depth: number): JsonValue => {
  const members = new Map<string, JsonValue>();
  for (const { key, value } of dict.entries.values()) members.set(keyText(run, key), toJson(run, value, depth));
  return members;
};

/** Keys as Python's `json.dumps` writes them: numbers, booleans and None become texts. */
const keyText = (run: Run, key: PyValue): string => {
  if (typeof key === 'string') return key;
  if (typeof key === 'bigint') return integerText(run, key);
  if (typeof key === 'boolean') return key ? 'true' : 'false';
  if (key === null) return 'null';
  if (typeof key !== 'number') {
    throw typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
  }
  if (Number.isFinite(key)) return floatRepr(key);
  return Number.isNaN(key) ? 'NaN' : key > 0 ? 'Infinity' : '-Infinity';
};
