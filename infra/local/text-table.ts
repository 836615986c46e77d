/**
 * Lines of a table with aligned columns.
 * @param width characters of the longest line: the widest columns are cut until it fits. Without it no cell is longer than 36
 */
export const textTable = (
  header: readonly string[],
  rows: readonly (readonly (string | null)[])[],
  width?: number,
): readonly string[] => {
  const cells = [header, ...rows].map((row) => row.map((cell) => (cell ?? 'null').replaceAll(/\s+/g, ' ')));
  const natural = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const widths =
    width === undefined ? natural.map((one) => Math.min(one, maxCellCharacters)) : fitWidths(natural, width);
  const line = (row: readonly string[]): string =>
    widths
      .map((most, column) => cut(row[column] ?? '', most).padEnd(most))
      .join(gap)
      .trimEnd();
  const [head = [], ...body] = cells;
  return [line(head), widths.map((most) => '─'.repeat(most)).join(gap), ...body.map(line)];
};

const gap = '  ';
const maxCellCharacters = 36;
/** A column that is narrower says nothing. */
const minCellCharacters = 6;

/** The widest columns give way to the others, as far as they can. */
const fitWidths = (natural: readonly number[], width: number): readonly number[] => {
  const room = width - gap.length * (natural.length - 1);
  const total = (most: number): number => natural.reduce((sum, one) => sum + Math.min(one, most), 0);
  let most = Math.max(minCellCharacters, ...natural);
  while (most > minCellCharacters && total(most) > room) most -= 1;
  return natural.map((one) => Math.min(one, most));
};

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
