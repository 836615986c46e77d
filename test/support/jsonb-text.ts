import { entriesOf, isJsonArray, isJsonObject, type JsonValue } from '../../shared/json/json-value.ts';
import { cellText } from '../../shared/state/cell-text.ts';

/** How PostgreSQL prints a `jsonb` value: numbers as NUMERIC does, a space after each separator. */
export const jsonbPrinted = (value: JsonValue): string => {
  if (isJsonArray(value)) return `[${value.map(jsonbPrinted).join(', ')}]`;
  if (isJsonObject(value)) {
    const members = [...entriesOf(value)].map(([key, member]) => `${JSON.stringify(key)}: ${jsonbPrinted(member)}`);
    return `{${members.join(', ')}}`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : (cellText(value, false) ?? 'null');
};
