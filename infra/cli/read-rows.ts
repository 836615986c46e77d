import { createReadStream } from 'node:fs';
import { isJsonObject } from '../../shared/json/json-value.ts';
import { parseJson } from '../../shared/json/parse-json.ts';
import { reasonOf } from '../../shared/message/to-outcome.ts';
import { CliError, exitCodes, type CliIo } from './cli-io.ts';
import { readCsv } from './csv.ts';

export type RowFormat = 'csv' | 'jsonl';

/** A row as JSON text, the numbers as they were written. */
export interface SourceRow {
  readonly json: string;
  readonly line: number;
}

/**
 * The rows of a file (`-`: standard input), one at a time.
 * @throws CliError `invalid_file` that names the line
 */
export async function* readRows(io: CliIo, path: string, format: RowFormat): AsyncGenerator<SourceRow> {
  const chunks = textOf(path === '-' ? io.stdin : (createReadStream(path) as AsyncIterable<Buffer>));
  try {
    yield* format === 'csv' ? csvRows(chunks) : jsonRows(chunks);
  } catch (error) {
    throw new CliError(exitCodes.failed, 'invalid_file', `${path}: ${reasonOf(error)}`, { cause: error });
  }
}

async function* textOf(source: AsyncIterable<Buffer | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of source) {
    yield typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

/** The cells are texts, as with every upload of a CSV; the first record has the names of the columns. */
async function* csvRows(chunks: AsyncIterable<string>): AsyncGenerator<SourceRow> {
  let names: readonly string[] | undefined;
  for await (const { fields, line } of readCsv(chunks)) {
    if (names === undefined) {
      const duplicate = fields.find((name, index) => fields.indexOf(name) !== index);
      if (duplicate !== undefined) throw new Error(`the column ${duplicate} is there twice`);
      names = fields;
      continue;
    }
    if (fields.length !== names.length) {
      throw new Error(`line ${line} has ${fields.length} fields, the header has ${names.length}`);
    }
    const members = names.map((name, index) => `${JSON.stringify(name)}:${JSON.stringify(fields[index])}`);
    yield { json: `{${members.join(',')}}`, line };
  }
}

async function* jsonRows(chunks: AsyncIterable<string>): AsyncGenerator<SourceRow> {
  let line = 0;
  for await (const raw of linesOf(chunks)) {
    line += 1;
    const json = (line === 1 && raw.startsWith('\uFEFF') ? raw.slice(1) : raw).trim();
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

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
