/** The cells of one table row, header and ruler included; `\|` inside a cell is no border. */
const cellsOf = (line: string): readonly string[] =>
  line
    .replace(/^\||\|\s*$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());

/**
 * The rows of every table whose first column has this header, without header and ruler.
 * @param header text of the first header cell, e.g. `code`
 */
export const tableRows = (markdown: string, header: string): readonly (readonly string[])[] => {
  const rows: (readonly string[])[] = [];
  let isInside = false;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) isInside = false;
    else if (cellsOf(line)[0] === header) isInside = true;
    else if (isInside && !/^\|[\s:|-]+$/.test(line)) rows.push(cellsOf(line));
  }
  return rows;
};

/** What stands in code spans: `` `a`, `b` `` gives `a` and `b`. */
export const codeSpans = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

/** The names in the first column of the tables with this header. */
export const namesInTable = (markdown: string, header: string): readonly string[] =>
  tableRows(markdown, header).flatMap(([first = '']) => codeSpans(first));

/** Targets of links and pictures: `[text](target)`. */
export const linkTargets = (markdown: string): readonly string[] =>
  [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);

/** The anchor that a heading gets: lower case, punctuation gone, spaces as dashes. */
const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');

/** Anchors of a page: its headings and its own `<a id>`. */
export const anchorsOf = (markdown: string): ReadonlySet<string> =>
  new Set([
    ...[...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => anchorOf(title)),
    ...[...markdown.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id),
  ]);
