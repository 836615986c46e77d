import { entriesOf, isJsonArray, isJsonObject, type JsonValue } from '../json/json-value.ts';
import { pythonJson } from '../json/write-json.ts';
import { childPath, type Flattened } from './flatten-reference.ts';
import type { Expansion } from './expansion.ts';
import { copyOf, RowCollector, type CountedRow } from './row-collector.ts';
import type { Steps } from './steps.ts';

interface PendingList {
  readonly path: string;
  readonly items: readonly JsonValue[];
}

interface Collected {
  readonly row: CountedRow;
  readonly lists: PendingList[] | undefined;
  readonly collector: RowCollector;
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
 * Throws `TerminalError`: `too_many_rows`, `expansion_too_large`.
 */
export function* flattenLossless(
  value: JsonValue,
  options: { readonly fanOut: boolean; readonly expansion: Expansion },
): Steps<Flattened> {
  const collector = new RowCollector(options.expansion);
  const row: CountedRow = { record: new Map(), bytes: 0 };
  const lists: PendingList[] = [];
  collect(value, '', { row, lists: options.fanOut ? lists : undefined, collector });
  if (lists.length === 0) collector.add(row);
  else yield* expand(lists, row, collector);
  return { rows: collector.rows, fannedOut: lists.length > 0 };
}

/** Puts the scalars below a value into the record and its lists aside, or into the record if they may not expand. */
const collect = (value: JsonValue, path: string, into: Collected): void => {
  if (isJsonArray(value)) {
    if (into.lists === undefined || value.length === 0) put(path, containerText(value), into);
    else into.lists.push({ path, items: value });
    return;
  }
  if (!isJsonObject(value)) return put(path, value, into);
  let empty = true;
  for (const [key, member] of entriesOf(value)) {
    empty = false;
    collect(member, childPath(path, key), into);
  }
  // The entry itself has no name: an empty one stays an empty row, which is refused later.
  if (empty && path !== '') put(path, containerText(value), into);
};

const put = (path: string, value: JsonValue, { row, collector }: Collected): void => collector.put(row, path, value);

/** A container in a text column: JSON text as `flatten: json_string` writes it. */
const containerText = (value: JsonValue): string => pythonJson(value, { ascii: true });

function* expand(lists: readonly PendingList[], parent: CountedRow, collector: RowCollector): Steps<void> {
  for (const { path, items } of lists) {
    for (const item of items) {
      const row = copyOf(parent);
      const inner: PendingList[] = [];
      collect(item, path, { row, lists: inner, collector });
      if (inner.length === 0) collector.add(row);
      else yield* expand(inner, row, collector);
      yield collector.expansion.held;
    }
  }
}
