import { readState } from '../../../shared/metadata/read-metadata.ts';
import { readPage } from '../../../shared/postgres/read-page.ts';
import type { ColumnDefinition } from '../../../shared/state/state-model.ts';
import type { CliCommand } from '../cli-command.ts';
import { CliError, exitCodes, usageError } from '../cli-io.ts';
import { csvLine, safeField } from '../csv.ts';
import { findState } from '../find-state.ts';
import { openSink } from '../open-sink.ts';
import { createProgressBar } from '../progress-bar.ts';
import { flagValue, integerValue, textValue } from '../values.ts';

const pageRows = 1_000;

export const stateExport: CliCommand = {
  name: 'state export',
  summary: 'Write the rows of a state as CSV or JSON lines',
  usage: '<state> [--format csv|jsonl] [--output FILE]',
  options: {
    format: { type: 'string', value: 'csv|jsonl', help: 'Default jsonl, or what the file name ends in' },
    output: { type: 'string', short: 'o', value: 'FILE', help: 'A file instead of stdout' },
    offset: { type: 'string', value: 'N', help: 'First row (default 0)' },
    limit: { type: 'string', value: 'N', help: 'At most so many rows' },
    safe: { type: 'boolean', help: 'CSV that no spreadsheet takes for formulas; not exact any more' },
  },
  examples: ['state-sync state export 6f1c > rows.jsonl', 'state-sync state export 6f1c -o rows.csv'],
  positionals: { min: 1, max: 1 },
  run: async (context) => {
    const { io, store, values, positionals } = context;
    const path = textValue(values, 'output');
    const format = textValue(values, 'format') ?? (path?.endsWith('.csv') === true ? 'csv' : 'jsonl');
    if (format !== 'csv' && format !== 'jsonl') throw usageError('--format is csv or jsonl');
    const first = integerValue(values, 'offset', { min: 0, max: 2_147_483_647 }) ?? 0;
    const limit = integerValue(values, 'limit', { min: 0, max: 2_147_483_647 }) ?? Number.POSITIVE_INFINITY;
    const stateId = await findState(store, positionals[0] ?? '');
    const pool = await store.pool();
    const model = await readState(pool, stateId);
    if (model === undefined) throw new CliError(exitCodes.failed, 'not_found', `there is no state ${stateId}`);
    const columns = ordered(model.columns);
    const isSafe = flagValue(values, 'safe');
    const sink = openSink(io, path);
    const bar = createProgressBar(io, 'exported', path === undefined);
    let written = 0;
    try {
      if (format === 'csv') await sink.write(csvLine(columns.map(({ name }) => name)));
      while (written < limit && !io.signal.aborted) {
        const asked = Math.min(pageRows, limit - written);
        const { count, rows } = await readPage(pool, { stateId, columns, offset: first + written, limit: asked });
        const lines = rows.map((cells) =>
          format === 'csv' ? csvLine(isSafe ? cells.map(safeField) : cells) : jsonLine(columns, cells),
        );
        await sink.write(lines.join(''));
        written += rows.length;
        await bar.update(written, Math.min(limit, Math.max(0, count - first)));
        if (rows.length < asked) break;
      }
    } finally {
      await bar.clear();
      await sink.close();
    }
    if (path !== undefined) {
      await context.output.result({ rows: written, file: path, format }, () => [`${written} rows in ${path}`]);
    }
    return io.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
  },
};

/** In the order that people see: by `display_order`, then as they were made. */
const ordered = (columns: readonly ColumnDefinition[]): readonly ColumnDefinition[] =>
  columns.toSorted((one, other) => (one.displayOrder ?? 0) - (other.displayOrder ?? 0));

const jsonLine = (columns: readonly ColumnDefinition[], cells: readonly (string | null)[]): string =>
  `{${columns.map(({ name, dataType }, index) => `${JSON.stringify(name)}:${cellJson(cells[index] ?? null, dataType)}`).join(',')}}\n`;

const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?$/;

/** JSON for a cell: numbers and booleans if the column says so and the text is one; every digit is kept. */
const cellJson = (text: string | null, dataType: string): string => {
  if (text === null) return 'null';
  if (dataType === 'json') return text;
  if ((dataType === 'int' || dataType === 'float') && jsonNumber.test(text)) return text;
  if (dataType === 'bool' && (text === 'true' || text === 'false')) return text;
  return JSON.stringify(text);
};
