import { entriesOf, isJsonObject, JsonFloat, type JsonValue } from '../../shared/json/json-value.ts';
import { parseJson } from '../../shared/json/parse-json.ts';
import { jsonbText } from '../../shared/json/write-json.ts';
import { cleanKey } from '../../shared/state/clean-key.ts';
import type { SourceRow } from './read-rows.ts';

/** What a file holds, for people to look at before it is published. */
export interface RowSummary {
  readonly rows: number;
  readonly columns: readonly ColumnSummary[];
  readonly first: readonly Readonly<Record<string, string>>[];
}

export interface ColumnSummary {
  /** As the file has it. */
  readonly name: string;
  /** As the state will have it. */
  readonly column: string;
  /** Kinds of values by how many rows have them. */
  readonly types: Readonly<Record<string, number>>;
}

const shownRows = 5;
const maxColumns = 10_000;

/**
 * Reads all rows and says what is in them: columns in the order they first come, the types of their values, the first rows.
 * Texts that look like numbers or dates are texts: nothing is converted.
 * @throws Error for more columns than a table can have
 */
export const describeRows = async (rows: AsyncIterable<SourceRow>): Promise<RowSummary> => {
  const columns = new Map<string, Map<string, number>>();
  const first: Record<string, string>[] = [];
  let count = 0;
  for await (const { json, line } of rows) {
    const row = parseJson(json);
    if (!isJsonObject(row)) throw new Error(`line ${line} is not a JSON object`);
    const shown: Record<string, string> = {};
    for (const [name, value] of entriesOf(row)) {
      const types = columns.get(name) ?? new Map<string, number>();
      columns.set(name, types);
      if (columns.size > maxColumns) throw new Error(`line ${line}: there are more than ${maxColumns} columns`);
      const type = typeOf(value);
      types.set(type, (types.get(type) ?? 0) + 1);
      shown[name] = typeof value === 'string' ? value : jsonbText(value);
    }
    if (first.length < shownRows) first.push(shown);
    count += 1;
  }
  return {
    rows: count,
    columns: [...columns].map(([name, types]) => ({
      name,
      column: cleanKey(name),
      types: Object.fromEntries(types),
    })),
    first,
  };
};

const typeOf = (value: JsonValue): string => {
  if (value === null) return 'null';
  if (value === '') return 'empty text';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'bool';
  if (Array.isArray(value)) return 'list';
  if (value instanceof JsonFloat) return 'float';
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) return 'int';
  if (typeof value === 'number') return 'float';
  return 'object';
};
