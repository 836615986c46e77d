import { entriesOf, isJsonArray, isJsonObject, type JsonValue } from '../json/json-value.ts';
import { pythonJson } from '../json/write-json.ts';
import { childPath, type Flattened } from './flatten-reference.ts';
import { RowCollector } from './row-collector.ts';

interface PendingList {
  readonly path: string;
  readonly items: readonly JsonValue[];
}

/**
 * Flattens so that nothing vanishes (defects G-13, G-14).
 *
 * - The scalars of an object and of the objects inside it are collected first.
 * - Then each list expands, one row per item. Every row has all those scalars.
 * - Lists side by side make rows one after the other, no product.
 * - A list inside a list, or inside an item, expands in the place of that item's row.
 * - An empty container is the text `[]` or `{}`.
 * - Without `fanOut` there is one row, and each list is its JSON text at its own place.
 *
 * Throws `TerminalError('too_many_rows')`.
 */
export const flattenLossless = (value: JsonValue, options: { readonly fanOut: boolean }): Flattened => {
  const record = new Map<string, JsonValue>();
  const lists: PendingList[] = [];
  collect(value, '', record, options.fanOut ? lists : undefined);
  if (lists.length === 0) return { rows: [record], fannedOut: false };
  const collector = new RowCollector();
  expand(lists, record, collector);
  return { rows: collector.rows, fannedOut: true };
};

/** Puts the scalars below a value into the record and its lists aside, or into the record if they may not expand. */
const collect = (
  value: JsonValue,
  path: string,
  record: Map<string, JsonValue>,
  lists: PendingList[] | undefined,
): void => {
  if (isJsonArray(value)) {
    if (lists === undefined || value.length === 0) record.set(path, containerText(value));
    else lists.push({ path, items: value });
    return;
  }
  if (!isJsonObject(value)) {
    record.set(path, value);
    return;
  }
  let empty = true;
  for (const [key, member] of entriesOf(value)) {
    empty = false;
    collect(member, childPath(path, key), record, lists);
  }
  // The entry itself has no name: an empty one stays an empty row, which is refused later.
  if (empty && path !== '') record.set(path, containerText(value));
};

/** A container in a text column: JSON text as `flatten: json_string` writes it. */
const containerText = (value: JsonValue): string => pythonJson(value, { ascii: true });

const expand = (lists: readonly PendingList[], record: ReadonlyMap<string, JsonValue>, rows: RowCollector): void => {
  for (const { path, items } of lists) {
    for (const item of items) {
      const row = new Map(record);
      const inner: PendingList[] = [];
      collect(item, path, row, inner);
      if (inner.length === 0) rows.add(row);
      else expand(inner, row, rows);
    }
  }
};
