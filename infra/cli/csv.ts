import { pipeline, Readable } from 'node:stream';

import { CsvError, parse, type Info } from 'csv-parse';
import { parse as parseAtOnce } from 'csv-parse/sync';

export const csvLine = (values: readonly (string | null)[]): string => `${values.map(csvField).join(',')}\r\n`;

/**
 * A field that no spreadsheet takes for a formula: one that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets an
 * apostrophe before it (OWASP, CSV injection). It is not exact any more, so it is used only if it is asked for.
 */
export const safeField = (value: string | null): string | null =>
  value !== null && /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;

/** One record and the line that it began on, counted from 1. */
export interface CsvRecord {
  readonly fields: readonly string[];
  readonly line: number;
}

/** Longer than this no record is: a quote that is never closed must not read a whole file into memory. */
const maxRecordCharacters = 64 * 1024 * 1024;

/**
 * Reads CSV from chunks of text: line ends of every kind, quoted fields with line ends and delimiters in them, quotes inside
 * unquoted fields, Excel's first line `sep=;`. Empty lines are skipped.
 * @param delimiter one character; found in the first line if it is absent
 * @throws Error that names the line, for a quote that is never closed or text behind one
 */
export async function* readCsv(chunks: AsyncIterable<string>, delimiter?: string): AsyncGenerator<CsvRecord> {
  const { head, rest } = await peekFirstLine(chunks);
  const separator = /^sep=(.)(\r\n|\n|\r)/.exec(head);
  const found = delimiter ?? separator?.[1] ?? mostFrequentDelimiter(head);
  const skippedLines = separator === null ? 0 : 1;
  const text = prepend(separator === null ? head : head.slice(separator[0].length), rest);
  const options = {
    delimiter: found,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: maxRecordCharacters,
    info: true,
    raw: true,
  };
  const parser = pipeline(Readable.from(text), parse(options), () => undefined);
  try {
    for await (const item of parser as AsyncIterable<ParsedRecord>) {
      const line = item.info.lines + skippedLines - lineEndsIn(item.record);
      if (item.record.some((field) => field.startsWith('"'))) refuseTextBehindQuote(item.raw, found, line);
      yield { fields: item.record, line };
    }
  } catch (error) {
    throw readable(error, skippedLines);
  }
}

interface ParsedRecord {
  readonly record: readonly string[];
  readonly info: Info;
  readonly raw: string;
}

/** A field as RFC 4180 has it: quoted if it holds what would end it, here or for a reader that guesses the delimiter. */
const csvField = (value: string | null): string =>
  value === null ? '' : /[",;|\t\r\n]|^\s|\s$/.test(value) || value === '' ? `"${value.replaceAll('"', '""')}"` : value;

/** The first line is looked for in so many characters at most. */
const maxFirstLineCharacters = 1024 * 1024;

const peekFirstLine = async (
  chunks: AsyncIterable<string>,
): Promise<{ readonly head: string; readonly rest: AsyncIterator<string> }> => {
  const rest = chunks[Symbol.asyncIterator]();
  let head = '';
  // One character more than the line end: a carriage return may be the first half of one.
  while (head.length < maxFirstLineCharacters && !/[\r\n][^]/.test(head)) {
    const next = await rest.next();
    if (next.done === true) break;
    head += next.value;
  }
  return { head, rest };
};

/** What may separate fields; the one that is most frequent in the first line is taken, the comma if none is there. */
const delimiters = [',', ';', '\t', '|'] as const;

const mostFrequentDelimiter = (head: string): string => {
  const unquoted = head.replaceAll(/"(?:[^"]|"")*"?/g, '');
  const [firstLine = ''] = unquoted.trimStart().split(/[\r\n]/, 1);
  const counts = delimiters.map((candidate) => firstLine.split(candidate).length - 1);
  const most = Math.max(...counts);
  return delimiters[counts.indexOf(most)] ?? ',';
};

async function* prepend(head: string, rest: AsyncIterator<string>): AsyncGenerator<string> {
  if (head !== '') yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

const lineEnd = /\r\n|\n|\r/g;

const lineEndsIn = (fields: readonly string[]): number =>
  fields.reduce((sum, field) => sum + (field.match(lineEnd)?.length ?? 0), 0);

/** A parser that lets quotes stand in unquoted fields takes `"a"b` as it is: then a delimiter is missing, or a quote too many. */
const refuseTextBehindQuote = (raw: string, delimiter: string, line: number): void => {
  try {
    parseAtOnce(raw, { delimiter, record_delimiter: ['\r\n', '\n', '\r'], skip_empty_lines: true });
  } catch (error) {
    if (error instanceof CsvError && error.code === 'CSV_INVALID_CLOSING_QUOTE') {
      throw new Error(`line ${line}: there is text behind a closing quote`, { cause: error });
    }
  }
};

const readable = (error: unknown, skippedLines: number): unknown => {
  if (!(error instanceof CsvError)) return error;
  const lines = error['lines'];
  const line = (typeof lines === 'number' ? lines : 0) + skippedLines;
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') {
    return new Error(`a quote is never closed; it was opened before line ${line}`, { cause: error });
  }
  if (error.code === 'CSV_MAX_RECORD_SIZE') {
    return new Error(`line ${line}: a record has more than ${maxRecordCharacters} characters`, { cause: error });
  }
  return new Error(`line ${line}: ${error.code}`, { cause: error });
};
