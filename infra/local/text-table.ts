/** Lines of a table with aligned columns; long cells are cut. */
export const textTable = (
  header: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): readonly string[] => {
  const cells = [header, ...rows].map((row) => row.map(cellText));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => (row[column] ?? '').padEnd(width))
      .join('  ')
      .trimEnd();
  const [head = [], ...body] = cells;
  return [line(head), widths.map((width) => '─'.repeat(width)).join('  '), ...body.map(line)];
};

const maxCellCharacters = 36;

const cellText = (value: string | null): string => {
  const text = (value ?? 'null').replaceAll(/\s+/g, ' ');
  return text.length > maxCellCharacters ? `${text.slice(0, maxCellCharacters - 1)}…` : text;
};
