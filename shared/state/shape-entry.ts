import { isJsonArray, isJsonObject, JsonFloat, type JsonValue } from '../json/json-value.ts';
import { pythonJson } from '../json/write-json.ts';
import { cleanRow } from './clean-row.ts';
import { flattenLossless } from './flatten-lossless.ts';
import { flattenReference } from './flatten-reference.ts';
import type { Expansion } from './expansion.ts';
import type { Row } from './state-model.ts';
import type { StateProperties } from './state-properties.ts';
import type { Steps } from './steps.ts';

/** How lists and objects inside an entry are flattened: without loss, or exactly as the reference does. */
export type FlattenRule = 'lossless' | 'reference';

const clobColumn = '_result_set';

/**
 * Brings an entry, its keys clean, into the rows to store (reference.md D.4), each counted.
 * Throws `TerminalError`: `too_many_rows`, `expansion_too_large`.
 */
export function* shapeEntry(
  entry: Row,
  persistence: StateProperties['persistence'],
  rule: FlattenRule,
  expansion: Expansion,
): Steps<readonly Row[]> {
  const isFlat = persistence.mode !== 'clob' && persistence.flatten === 'dot_notation' && hasContainer(entry);
  if (!isFlat) {
    expansion.addRow(entry);
    return [oneRow(entry, persistence)];
  }
  const fanOut = persistence.mode === 'individual_rows';
  const { rows } =
    rule === 'reference'
      ? yield* flattenReference(entry, expansion)
      : yield* flattenLossless(entry, { fanOut, expansion });
  // The reference drops all rows but the first if they may not fan out (G-14).
  const cleaned: Row[] = [];
  for (const row of fanOut ? rows : rows.slice(0, 1)) {
    cleaned.push(cleanRow(row));
    yield expansion.held;
  }
  return cleaned;
}

const oneRow = (entry: Row, persistence: StateProperties['persistence']): Row => {
  if (persistence.mode === 'clob') return new Map([[clobColumn, pythonJson(entry, { ascii: false })]]);
  if (persistence.flatten === 'none') return entry;
  return persistence.flatten === 'json_string' ? withContainersAsText(entry) : cleanRow(entry);
};

const withContainersAsText = (entry: Row): Row => {
  const row = new Map<string, JsonValue>();
  for (const [key, value] of entry) {
    row.set(key, isJsonArray(value) || isJsonObject(value) ? pythonJson(value, { ascii: true }) : value);
  }
  return row;
};

const hasContainer = (entry: Row): boolean => {
  for (const value of entry.values()) if (isContainer(value)) return true;
  return false;
};

const isContainer = (value: JsonValue): boolean =>
  typeof value === 'object' && value !== null && !(value instanceof JsonFloat);
