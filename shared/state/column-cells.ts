/**
 * The cells of one column of a message: a text for each row, null for a null cell. Of a message of one row, as most are, they may be
 * that text alone: a list for each of its columns would be half of what its plan holds.
 */
export type ColumnCells = string | null | readonly (string | null)[];

/** The same as a list; what a plan does not name at all is null cells, for whoever knows how many. */
export const cellList = (cells: ColumnCells): readonly (string | null)[] =>
  cells === null || typeof cells === 'string' ? [cells] : cells;
