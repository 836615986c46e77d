import { TerminalError } from '../errors/sync-error.ts';
import { isJsonArray, isJsonObject, JsonFloat, type JsonValue } from '../json/json-value.ts';
import { cleanKey } from './clean-key.ts';
import { maxNameCharacters } from './plan-limits.ts';
import type { ColumnDefinition, Row } from './state-model.ts';
import type { Steps } from './steps.ts';
import { isTooLong } from './too-long.ts';

/** The columns that a state has, prepared once for many plans. */
export interface KnownColumns {
  readonly columns: readonly ColumnDefinition[];
  readonly names: ReadonlySet<string>;
  /** `displayOrder` of the next column. */
  readonly nextOrder: number;
}

export const knownColumns = (columns: readonly ColumnDefinition[]): KnownColumns => ({
  columns,
  names: new Set(columns.map(({ name }) => name)),
  nextOrder: columns.reduce((next, { displayOrder }) => Math.max(next, (displayOrder ?? -1) + 1), 0),
});

/** The columns of a state as a plan sees them: those it has, then those that rows of the plan need. */
export class ColumnSet {
  #columns: readonly ColumnDefinition[];
  #names: ReadonlySet<string>;
  #nextOrder: number;

  constructor({ columns, names, nextOrder }: KnownColumns) {
    this.#columns = columns;
    this.#names = names;
    this.#nextOrder = nextOrder;
  }

  get columns(): readonly ColumnDefinition[] {
    return this.#columns;
  }

  /** Which column a row's key is stored in; a key that is not clean may have been made a column under its clean name. */
  columnFor(key: string, row: Row): string | undefined {
    if (this.#names.has(key)) return key;
    const cleaned = cleanKey(key);
    return cleaned !== key && this.#names.has(cleaned) && !row.has(cleaned) ? cleaned : undefined;
  }

  /** The columns that the rows need and the set lacks; it is not changed. A name without a clean character is no column. */
  *missing(rows: readonly Row[], heldBytes: number): Steps<readonly ColumnDefinition[]> {
    let found: Map<string, ColumnDefinition> | undefined;
    for (const row of rows) {
      for (const [name, value] of row) {
        if (this.#names.has(name) || found?.has(name) === true) continue;
        if (cleanKey(name) === '' || this.columnFor(name, row) !== undefined) continue;
        found ??= new Map();
        found.set(name, newColumn(name, value, this.#nextOrder + found.size));
      }
      yield heldBytes;
    }
    return found === undefined ? [] : [...found.values()];
  }

  add(columns: readonly ColumnDefinition[]): void {
    if (columns.length === 0) return;
    this.#columns = [...this.#columns, ...columns];
    this.#names = new Set([...this.#names, ...columns.map(({ name }) => name)]);
    this.#nextOrder += columns.length;
  }
}

/** Throws `TerminalError('column_name_too_long')`. */
const newColumn = (name: string, value: JsonValue, displayOrder: number): ColumnDefinition => {
  if (isTooLong(name, maxNameCharacters)) {
    throw new TerminalError('column_name_too_long', `a column name has more than ${maxNameCharacters} characters`);
  }
  return { name, dataType: dataTypeOf(value), displayOrder, value: null, callable: false };
};

/** The type of a new column, from the first value that it gets; null gives `str` (reference.md D.9). */
const dataTypeOf = (value: JsonValue): string => {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (value instanceof JsonFloat) return 'float';
  return isJsonArray(value) || isJsonObject(value) ? 'json' : 'str';
};
