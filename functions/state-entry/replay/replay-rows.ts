import type { JsonValue } from '../../../shared/json/json-value.ts';
import { parseJson } from '../../../shared/json/parse-json.ts';
import type { ColumnDefinition, Row } from '../../../shared/state/state-model.ts';

/**
 * Stored cells -> rows as a replay sends them (reference.md F.3), with every column in load order. A value is the text
 * of its cell; in a json column the parsed value; null if there is no cell. So a replayed `1` is the text `"1"`.
 *
 * @param cells per row one text or null per column, aligned with `columns`
 */
export const replayRows = (
  columns: readonly Pick<ColumnDefinition, 'name' | 'dataType'>[],
  cells: readonly (readonly (string | null)[])[],
): readonly Row[] => {
  if (columns.length === 0) return [];
  return cells.map((texts) => {
    const row = new Map<string, JsonValue>();
    for (const [position, { name, dataType }] of columns.entries()) {
      const text = texts[position] ?? null;
      row.set(name, text !== null && dataType === 'json' ? parseJson(text) : text);
    }
    return row;
  });
};
