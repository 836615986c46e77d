import { floatCellText } from '../json/float-repr.ts';
import { isJsonArray, JsonFloat, JsonTuple, type JsonValue } from '../json/json-value.ts';
import { arrayText } from './array-text.ts';

/**
 * A tuple as PostgreSQL prints a record: `(1,2)`, `(a,"b c",t,)`. That is what the reference stored in a text column for an
 * expression like `(1, 2)`; with one item it is no record but the item. Undefined if the driver refused it: an object in it.
 */
export const recordText = (tuple: JsonTuple): string | undefined => {
  const fields = tuple.map((item) => fieldText(item));
  if (fields.includes(undefined)) return undefined;
  return tuple.length === 1 ? (fields[0] ?? '') : `(${fields.map((field) => quoted(field ?? null)).join(',')})`;
};

/** Null is an empty field. */
const fieldText = (value: JsonValue): string | null | undefined => {
  if (value === null) return null;
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
      return value ? 't' : 'f';
    case 'bigint':
      return value.toString();
    case 'number':
      return Number.isInteger(value) ? String(value) : floatCellText(value);
    default:
  }
  if (value instanceof JsonFloat) return floatCellText(value.value);
  if (value instanceof JsonTuple && value.length > 0) return recordText(value);
  return isJsonArray(value) ? arrayText(value) : undefined;
};

const needsQuotes = /^$|[(),"\\\s]/;

const quoted = (field: string | null): string => {
  if (field === null) return '';
  return needsQuotes.test(field) ? `"${field.replaceAll(/["\\]/g, '$&$&')}"` : field;
};
