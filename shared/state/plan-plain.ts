import { isJsonObject, JsonFloat, type JsonValue, type PlainJsonObject } from '../json/json-value.ts';
import { cellText, isJsonColumn, isStorable } from './cell-text.ts';
import { cleanKey } from './clean-key.ts';
import type { ColumnCells } from './column-cells.ts';
import { cellBytesOf } from './expansion.ts';
import { maxCellsPerMessage } from './plan-limits.ts';
import { nullCells } from './render-cells.ts';
import type { ColumnDefinition, StateModel } from './state-model.ts';
import type { StateProperties } from './state-properties.ts';

/** The columns of a state that has no rule but these, prepared once for many messages. */
export interface PlainColumns {
  readonly count: number;
  /** Places among them, by name, of those that hold texts under the very key that comes in. */
  readonly places: ReadonlyMap<string, number>;
}

/** @returns undefined if rows of the state need more than their cells: keys, names, templates, constants, expressions */
export const plainColumns = (model: StateModel, properties: StateProperties): PlainColumns | undefined => {
  const { columns, primaryKey, remap, templateColumns } = model;
  const { persistence, requirePrimaryKey, dedupe } = properties;
  if (primaryKey.length > 0 || remap.length > 0 || templateColumns.length > 0) return undefined;
  if (persistence.mode === 'clob' || requirePrimaryKey || dedupe) return undefined;
  if (columns.some(({ value }) => value !== null && value !== '')) return undefined;
  // A value under a name that two columns have is stored in both.
  if (new Set(columns.map(({ name }) => name)).size < columns.length) return undefined;
  const places = new Map<string, number>();
  for (const [place, column] of columns.entries()) if (isPlain(column)) places.set(column.name, place);
  return { count: columns.length, places };
};

/** One message: its entries, which are its rows as they are stored, and their cells by column. */
export interface PlainMessage {
  readonly rows: readonly PlainJsonObject[];
  readonly cells: readonly ColumnCells[];
  readonly bytes: number;
}

/**
 * The usual message in one pass: few entries, each a flat object whose members are columns of the state. It is what the rules make
 * of it, without the rows in between.
 * @returns undefined for any other message, and for one that cannot be stored: the rules say why
 */
export const planPlain = (
  entries: readonly JsonValue[],
  { count, places }: PlainColumns,
  maxBytes: number,
): PlainMessage | undefined => {
  if (entries.length > maxEntries || entries.length * count > maxCellsPerMessage) return undefined;
  const isOne = entries.length === 1;
  const cells: (string | null | (string | null)[])[] = nullCells(count);
  if (!isOne) for (let column = 0; column < count; column += 1) cells[column] = nullCells(entries.length);
  const most = Math.min(maxBytes, maxBytesAtOnce);
  let bytes = 0;
  for (let row = 0; row < entries.length; row += 1) {
    const entry = entries[row];
    if (!isJsonObject(entry) || entry instanceof Map) return undefined;
    const object = entry as PlainJsonObject;
    let members = 0;
    // The readers make plain objects without inherited members, and `for in` is the cheapest way over them.
    // oxlint-disable-next-line guard-for-in
    for (const key in object) {
      const value = object[key]!;
      const place = places.get(key);
      const text = place === undefined ? undefined : scalarText(value);
      if (text === undefined) return undefined;
      members += 1;
      bytes += cellBytesOf(value);
      if (bytes > most) return undefined;
      if (isOne) cells[place!] = text;
      else (cells[place!] as (string | null)[])[row] = text;
    }
    if (members === 0) return undefined;
  }
  // Each has been looked at.
  return { rows: entries as readonly PlainJsonObject[], cells, bytes };
};

/** A key that is not clean is stored under another name; an incoming `state_key` maps its row. */
const isPlain = (column: ColumnDefinition): boolean =>
  !isJsonColumn(column) && column.name !== '' && column.name !== 'state_key' && cleanKey(column.name) === column.name;

/** In one step of a plan: what is larger has steps of its own. */
const maxEntries = 32;
const maxBytesAtOnce = 64 * 1024;

/** Undefined where the rules have to say what becomes of it. */
const scalarText = (value: JsonValue): string | null | undefined => {
  if (typeof value === 'string') return isStorable(value) ? value : undefined;
  return typeof value !== 'object' || value === null || value instanceof JsonFloat ? cellText(value, false) : undefined;
};
