import { entriesOf, isJsonArray, JsonFloat, type JsonValue } from '../../json/json-value.ts';
import { ScopeRecord, type ScopeValue } from '../scope.ts';
import { hashKey } from '../objects/hash-key.ts';
import { PyDict, PyList, PyRecord, type PyValue, type Run } from '../objects/object.ts';

/**
 * A scope variable as a value of the language. It is a copy: what an expression does to it (`query_state.pop('a')`) is
 * gone after the evaluation, unlike in the reference, where it changes the row.
 */
export const fromJson = (run: Run, value: ScopeValue, depth = 0): PyValue => {
  if (!(value instanceof ScopeRecord)) return fromValue(run, value, depth);
  const inner = run.meter.deeper(depth);
  return new PyRecord(new Map(Array.from(value.attributes, ([name, member]) => [name, fromJson(run, member, inner)])));
};

const fromValue = (run: Run, value: JsonValue, depth: number): PyValue => {
  run.meter.charge(1);
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || typeof value === 'bigint')
    return value;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof JsonFloat) return value.value;
  const inner = run.meter.deeper(depth);
  if (isJsonArray(value)) return new PyList(value.map((item) => fromValue(run, item, inner)));
  const dict = new PyDict();
  for (const [key, member] of entriesOf(value)) {
    dict.entries.set(hashKey(run, key), { key, value: fromValue(run, member, inner) });
  }
  return dict;
};
