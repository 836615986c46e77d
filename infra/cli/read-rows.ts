import { createReadStream } from 'node:fs';
import { isJsonObject } from '../../shared/json/json-value.ts';
import { parseJson } from '../../shared/json/parse-json.ts';
import { reasonOf } from '../../shared/message/to-outcome.ts';
import { cleanKey } from '../../shared/state/clean-key.ts';
import { CliError, exitCodes, type CliIo } from './cli-io.ts';
import { readCsv } from './csv.ts';
import { decodeText } from './decode-text.ts';

export interface RowSource {
  /** A path, or `-` for standard input. */
  readonly path: string;
  readonly format: 'csv' | 'jsonl';
  /** Of CSV; found in the first line if it is absent. */
  readonly delimiter?: string | undefined;
  /** Found by the byte order mark if it is absent, else UTF-8. */
  readonly encoding?: string | undefined;
}

/** A row as JSON text, the numbers as they were written. */
export interface SourceRow {
  readonly json: string;
  readonly line: number;
}

/**
 * The rows of a file or of standard input, one at a time.
 * @throws CliError `invalid_file` that names the line
 */
export async function* readRows(io: CliIo, source: RowSource): AsyncGenerator<SourceRow> {
  const { path } = source;
  const bytes = path === '-' ? io.stdin : (createReadStream(path) as AsyncIterable<Buffer>);
  try {
    const chunks = decodeText(bytes, source.encoding);
    yield* source.format === 'csv' ? csvRows(chunks, source.delimiter) : jsonRows(chunks);
  } catch (error) {
    throw new CliError(exitCodes.failed, 'invalid_file', `${path}: ${reasonOf(error)}`, { cause: error });
  }
}

interface CsvHeader {
  /** The name of each column as JSON text; undefined for one that has no name. */
  readonly names: readonly (string | undefined)[];
}

/** The cells are texts, as with every upload of a CSV; the first record has the names of the columns. */
async function* csvRows(chunks: AsyncIterable<string>, delimiter: string | undefined): AsyncGenerator<SourceRow> {
  let header: CsvHeader | undefined;
  for await (const { fields, line } of readCsv(chunks, delimiter)) {
    if (header === undefined) {
      header = csvHeader(fields);
      continue;
    }
    yield { json: rowJson(header, fields, line), line };
  }
}

/**
 * The columns of a CSV by its first record. Spreadsheets write a delimiter too many at the end of every line. So
 * columns without a name may stand at the end if they are empty.
 * @throws Error that names a column that is there twice, or would be in the state, or would have no name there
 */
const csvHeader = (fields: readonly string[]): CsvHeader => {
  let last = fields.length;
  while (last > 0 && fields[last - 1]?.trim() === '') last -= 1;
  if (last === 0) throw new Error('the first line names no column');
  const originals = new Map<string, string>();
  const names = fields.map((name, index) => {
    if (index >= last) return undefined;
    const cleaned = cleanKey(name);
    if (cleaned === '')
      throw new Error(`the name of column ${index + 1} (${JSON.stringify(name)}) has no letter or digit`);
    const other = originals.get(cleaned);
    if (other === name) throw new Error(`the column ${name} is there twice`);
    if (other !== undefined) {
      throw new Error(`the columns ${JSON.stringify(other)} and ${JSON.stringify(name)} would both become ${cleaned}`);
    }
    originals.set(cleaned, name);
    return JSON.stringify(name);
  });
  return { names };
};

const rowJson = ({ names }: CsvHeader, fields: readonly string[], line: number): string => {
  if (fields.length > names.length || (fields.length < names.length && names[fields.length] !== undefined)) {
    throw new Error(`line ${line} has ${fields.length} fields, the header has ${names.length}`);
  }
  const members = names.flatMap((name, index) => {
    const field = fields[index] ?? '';
    if (name !== undefined) return [`${name}:${JSON.stringify(field)}`];
    if (field.trim() === '') return [];
    throw new Error(`line ${line} has a value in column ${index + 1}, which has no name`);
  });
  return `{${members.join(',')}}`;
};

async function* jsonRows(chunks: AsyncIterable<string>): AsyncGenerator<SourceRow> {
  let line = 0;
  for await (const raw of linesOf(chunks)) {
    line += 1;
    const json = raw.trim();
    if (json === '') continue;
    let isObject: boolean;
    try {
      isObject = isJsonObject(parseJson(json));
    } catch (error) {
      throw new Error(`line ${line} is not JSON: ${reasonOf(error)}`, { cause: error });
    }
    if (!isObject) throw new Error(`line ${line} is not a JSON object`);
    yield { json, line };
  }
}

/** No message takes such a row: a file without line ends must not fill the memory. */
const maxLineCharacters = 16 * 1024 * 1024;

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > maxLineCharacters) throw new Error(`a line has more than ${maxLineCharacters} characters`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}
