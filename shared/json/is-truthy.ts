import { JsonFloat, type JsonValue } from './json-value.ts';

/** Whether Python takes the value for true: null, false, zero, and what is empty are false; `NaN` is true. */
export const isTruthy = (value: JsonValue): boolean => {
  if (typeof value === 'number') return value !== 0;
  if (typeof value !== 'object' || value === null) return Boolean(value);
  if (value instanceof JsonFloat) return value.value !== 0;
  if (value instanceof Map) return value.size > 0;
  return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0;
};
