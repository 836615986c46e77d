import { stripVTControlCharacters } from 'node:util';
import { textTable } from '../local/text-table.ts';
import type { CliIo } from './cli-io.ts';

/** What the commands say on stdout: text for people, or JSON with `--json`. */
export interface Output {
  readonly isJson: boolean;
  /** The result: as JSON whole, for people as the lines that `show` makes. */
  result(value: unknown, show: () => readonly string[]): Promise<void>;
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
            .map((line) => `${printable(line)}\n`)
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
): readonly string[] =>
  rows.length === 0
    ? [empty]
    : textTable(
        header,
        rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell)))),
      );
