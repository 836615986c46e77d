type Cells = readonly (string | null)[];

/** Rows as CSV (RFC 4180): a null is an empty field, an empty text is quoted. */
export const csvText = (names: readonly string[], rows: readonly Cells[]): string =>
  [names, ...rows].map((cells) => `${cells.map(csvField).join(',')}\r\n`).join('');

/** Rows as JSON lines, one object each; cells are texts as the database has them. */
export const jsonLinesText = (names: readonly string[], rows: readonly Cells[]): string =>
  rows
    .map((cells) => `${JSON.stringify(Object.fromEntries(names.map((name, index) => [name, cells[index] ?? null])))}\n`)
    .join('');

const csvField = (text: string | null): string => {
  if (text === null) return '';
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
