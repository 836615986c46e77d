import { stripVTControlCharacters, styleText } from 'node:util';
import { textTable } from '../local/text-table.ts';
import type { CliIo } from './cli-io.ts';

/** What people are shown: a line, or a table that is as wide as there is room. */
export type Line = string | { readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] };

/** What the commands say on stdout: text for people, or JSON with `--json`. */
export interface Output {
  readonly isJson: boolean;
  /** The result: as JSON whole, for people as the lines that `show` makes. */
  result(value: unknown, show: () => readonly Line[]): Promise<void>;
  /** One of many: a JSON line, or the text. */
  item(value: unknown, show: () => string): Promise<void>;
  /** Data as it is, in either mode. */
  raw(text: string): Promise<void>;
}

/** What came from messages must not drive the terminal. */
export const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  stripVTControlCharacters(text).replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, ' ');

/** Characters that move a cursor, change what was written, or turn the direction of text (Unicode UAX 9). */
// oxlint-disable-next-line no-control-regex
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Data for a terminal: control and bidirectional characters are shown by their code; line ends and tabs stay. */
export const visible = (text: string): string =>
  text.replaceAll(/\r\n/g, '\n').replaceAll(hidden, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return `<U+${code}>`;
  });

export const createOutput = (io: CliIo, isJson: boolean): Output => ({
  isJson,
  result: (value, show) =>
    io.write(
      isJson
        ? `${JSON.stringify(value)}\n`
        : show()
            .flatMap((line) => shownLines(io, line))
            .map((line) => `${line}\n`)
            .join(''),
    ),
  item: (value, show) => io.write(isJson ? `${JSON.stringify(value)}\n` : `${printable(show())}\n`),
  raw: (text) => io.write(text),
});

/** A table for people, or one line if it would be empty. */
export const tableOr = (
  empty: string,
  header: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): readonly Line[] =>
  rows.length === 0
    ? [empty]
    : [{ header, rows: rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell)))) }];

const shownLines = (io: CliIo, line: Line): readonly string[] => {
  const colour = hasColour(io) ? coloured : (text: string) => text;
  if (typeof line === 'string') return [colour(printable(line))];
  // Who reads a pipe has all the room there is.
  const width = io.isTerminal ? (io.columns ?? 80) : Infinity;
  const [head = '', ...others] = textTable(line.header, line.rows, width).map(printable);
  return [hasColour(io) ? styleText('bold', head, { validateStream: false }) : head, ...others];
};

/** https://no-color.org: the variable, unless it is empty, turns colour off. */
const hasColour = ({ isTerminal, env }: CliIo): boolean =>
  isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';

const markColours = { '✓': 'green', '!': 'yellow', '✗': 'red' } as const;

/** The mark at the beginning of a line in its colour. */
const coloured = (line: string): string =>
  line.replace(/^( *)([✓!✗])(?= )/, (_all, space: string, mark: keyof typeof markColours) => {
    return `${space}${styleText(markColours[mark], mark, { validateStream: false })}`;
  });
