import { isJsonArray, isJsonObject, JsonFloat, type JsonValue } from '../json/json-value.ts';
import { pythonJson } from '../json/write-json.ts';
import { cleanRow } from './clean-row.ts';
import { flattenLossless } from './flatten-lossless.ts';
import { flattenReference } from './flatten-reference.ts';
import type { Row } from './state-model.ts';
import type { StateProperties } from './state-properties.ts';

/** How lists and objects inside an entry are flattened: without loss, or exactly as the reference does. */
export type FlattenRule = 'lossless' | 'reference';

const clobColumn = '_result_set';

/** Brings an entry, its keys clean, into the rows to store (reference.md D.4). Throws `TerminalError('too_many_rows')`. */
export const shapeEntry = (
  entry: Row,
  persistence: StateProperties['persistence'],
  rule: FlattenRule,
): readonly Row[] => {
  if (persistence.mode === 'clob') return [new Map([[clobColumn, pythonJson(entry, { ascii: false })]])];
  if (persistence.flatten === 'none') return [entry];
  if (persistence.flatten === 'json_string') return [withContainersAsText(entry)];
  if (!hasContainer(entry)) return [cleanRow(entry)];
  const fanOut = persistence.mode === 'individual_rows';
  const { rows } = rule === 'reference' ? flattenReference(entry) : flattenLossless(entry, { fanOut });
  // The reference drops all rows but the first if they may not fan out (G-14).
  return (fanOut ? rows : rows.slice(0, 1)).map(cleanRow);
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
