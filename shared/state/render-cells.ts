import type { JsonValue } from '../json/json-value.ts';
import { cellText, isJsonColumn } from './cell-text.ts';
import type { ColumnSet } from './column-set.ts';
import type { ColumnDefinition, Row } from './state-model.ts';

type Cells = readonly (string | null)[];

export const nullCells = (rowCount: number): Cells => Array.from({ length: rowCount }, () => null);

/**
 * The cells of rows by column: the set's columns, then the created ones; a row without a value has a null cell.
 * Throws `TerminalError('unstorable_text')`.
 */
export const renderCells = (
  rows: readonly Row[],
  known: ColumnSet,
  created: readonly ColumnDefinition[],
): readonly Cells[] => {
  const columns = created.length === 0 ? known.columns : [...known.columns, ...created];
  const unclean = rows.map((row) => uncleanKeys(row, known));
  return columns.map((column) => {
    const json = isJsonColumn(column);
    return rows.map((row, index) => {
      const value: JsonValue | undefined = row.get(column.name) ?? unclean[index]?.get(column.name);
      return value === undefined ? null : cellText(value, json);
    });
  });
};

const clean = /^[a-z0-9_]*$/;

/** Values of keys that are stored in the column of their clean name, by that name; most rows have none. */
const uncleanKeys = (row: Row, known: ColumnSet): ReadonlyMap<string, JsonValue> | undefined => {
  let found: Map<string, JsonValue> | undefined;
  for (const [key, value] of row) {
    if (clean.test(key)) continue;
    const column = known.columnFor(key, row);
    if (column !== undefined && column !== key) (found ??= new Map()).set(column, value);
  }
  return found;
};
