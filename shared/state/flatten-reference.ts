import { entriesOf, isJsonArray, isJsonObject, type JsonValue } from '../json/json-value.ts';
import type { Expansion } from './expansion.ts';
import { copyOf, RowCollector, type CountedRow } from './row-collector.ts';
import type { Steps } from './steps.ts';
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
 * Throws `TerminalError`: `too_many_rows`, `expansion_too_large`.
 */
export function* flattenReference(value: JsonValue, expansion: Expansion): Steps<Flattened> {
  const items = new RowCollector(expansion);
  const row: CountedRow = { record: new Map(), bytes: 0 };
  yield* walk(value, '', row, items);
  const fannedOut = items.rows.length > 0;
  if (!fannedOut) items.add(row);
  return { rows: items.rows, fannedOut };
}

/** Adds what the value gives to the row; lists add rows to `items` with what the row holds so far. */
function* walk(value: JsonValue, path: string, row: CountedRow, items: RowCollector): Steps<void> {
  if (isJsonArray(value)) {
    for (const item of value) {
      const own = copyOf(row);
      yield* walk(item, path, own, items);
      items.add(own);
      yield items.expansion.held;
    }
  } else if (isJsonObject(value)) {
    for (const [key, member] of entriesOf(value)) {
      const memberPath = childPath(path, key);
      if (isJsonArray(member) || isJsonObject(member)) yield* walk(member, memberPath, row, items);
      else items.put(row, memberPath, member);
    }
  } else items.put(row, path, value);
}
