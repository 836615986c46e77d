/** A field as RFC 4180 has it: quoted where it holds what would end it. */
export const csvField = (value: string | null): string =>
  value === null ? '' : /[",\r\n]|^\s|\s$/.test(value) || value === '' ? `"${value.replaceAll('"', '""')}"` : value;

export const csvLine = (values: readonly (string | null)[]): string => `${values.map(csvField).join(',')}\r\n`;

/** One record and the line that it began on, counted from 1. */
export interface CsvRecord {
  readonly fields: readonly string[];
  readonly line: number;
}

/**
 * Reads RFC 4180 (and bare line feeds) from chunks of text; quoted fields may hold line ends. Empty lines are skipped.
 * @throws Error that names the line, for a quote that is never closed or text behind one
 */
export async function* readCsv(chunks: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let fields: string[] = [];
  let field = '';
  let state: 'start' | 'plain' | 'quoted' | 'after' = 'start';
  let line = 1;
  let recordLine = 1;
  let isFirst = true;
  const endField = (): void => {
    fields.push(field);
    field = '';
    state = 'start';
  };
  const isEmpty = (): boolean => fields.length === 0 && field === '' && state === 'start';
  for await (const chunk of chunks) {
    let text = chunk;
    if (isFirst && text !== '') {
      isFirst = false;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    for (const character of text) {
      if (character === '\n') line += 1;
      if (state === 'quoted') {
        if (character === '"') state = 'after';
        else field += character;
      } else if (character === '"' && state === 'after') {
        field += '"';
        state = 'quoted';
      } else if (character === '"' && state === 'start') {
        state = 'quoted';
      } else if (character === ',') {
        endField();
      } else if (character === '\n') {
        if (!isEmpty()) {
          endField();
          yield { fields, line: recordLine };
          fields = [];
        }
        recordLine = line;
      } else if (character !== '\r') {
        if (state === 'after') throw new Error(`line ${line}: there is text behind a closing quote`);
        field += character;
        state = 'plain';
      }
    }
  }
  if (state === 'quoted') throw new Error(`line ${recordLine}: a quote is never closed`);
  if (!isEmpty()) {
    endField();
    yield { fields, line: recordLine };
  }
}
