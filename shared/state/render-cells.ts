import type { JsonValue } from '../json/json-value.ts';
import { cellText, isJsonColumn } from './cell-text.ts';
import type { ColumnSet } from './column-set.ts';
import type { ColumnDefinition, Row } from './state-model.ts';
import type { Steps } from './steps.ts';

type Cells = readonly (string | null)[];

/** Of exactly this length: one that grows has room for many more, and is kept until its message is stored. */
export const nullCells = (rowCount: number): (string | null)[] =>
  // oxlint-disable-next-line no-new-array
  new Array<string | null>(rowCount).fill(null);

/**
 * The cells of rows by column: the set's columns, then the created ones; a row without a value has a null cell.
 * Throws `TerminalError('unstorable_text')`.
 */
export function* renderCells(
  rows: readonly Row[],
  known: ColumnSet,
  created: readonly ColumnDefinition[],
  heldBytes: number,
): Steps<readonly Cells[]> {
  const columns = created.length === 0 ? known.columns : [...known.columns, ...created];
  const unclean: (ReadonlyMap<string, JsonValue> | undefined)[] = [];
  for (const row of rows) {
    unclean.push(uncleanKeys(row, known));
    yield heldBytes;
  }
  const cells: Cells[] = [];
  let sinceStep = 0;
  for (const column of columns) {
    const json = isJsonColumn(column);
    const texts: (string | null)[] = [];
    for (const [index, row] of rows.entries()) {
      const value: JsonValue | undefined = row.get(column.name) ?? unclean[index]?.get(column.name);
      const text = value === undefined ? null : cellText(value, json);
      texts.push(text);
      sinceStep += 1 + (text?.length ?? 0);
      if (sinceStep < stepCharacters) continue;
      sinceStep = 0;
      yield heldBytes;
    }
    cells.push(texts);
  }
  return cells;
}

/** Of cells that are rendered in one step. */
const stepCharacters = 4_096;

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
