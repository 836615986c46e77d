import { entriesOf, isJsonArray, isJsonObject, type JsonValue } from '../json/json-value.ts';
import { RowCollector } from './row-collector.ts';
import type { Row } from './state-model.ts';

/** The rows of one entry, and whether a list has made them. */
export interface Flattened {
  readonly rows: readonly Row[];
  readonly fannedOut: boolean;
}

/** A member's path: keys joined by dots; below an empty path the key alone. */
export const childPath = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/**
 * Flattens as the reference does, with its losses (reference.md D.5). Keys after a list are missing from the list's
 * rows. Empty containers vanish. A list inside a list leaves a row of its parent's keys behind.
 *
 * Throws `TerminalError('too_many_rows')`.
 */
export const flattenReference = (value: JsonValue): Flattened => {
  const items = new RowCollector();
  const record = new Map<string, JsonValue>();
  walk(value, '', record, items);
  return items.rows.length > 0 ? { rows: items.rows, fannedOut: true } : { rows: [record], fannedOut: false };
};

/** Adds what the value gives to the record; lists add rows to `items` with what the record holds so far. */
const walk = (value: JsonValue, path: string, record: Map<string, JsonValue>, items: RowCollector): void => {
  if (isJsonArray(value)) {
    for (const item of value) {
      const row = new Map(record);
      walk(item, path, row, items);
      items.add(row);
    }
  } else if (isJsonObject(value)) {
    for (const [key, member] of entriesOf(value)) walk(member, childPath(path, key), record, items);
  } else record.set(path, value);
};
