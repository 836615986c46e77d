import { TerminalError } from '../errors/sync-error.ts';
import { entriesOf, isJsonArray, JsonFloat, type JsonValue } from '../json/json-value.ts';
import { maxCellsPerMessage, maxExpandedBytes, maxRowsPerMessage } from './plan-limits.ts';
import type { Row } from './state-model.ts';

/**
 * Counts what one message becomes, before it is made: rows, cells and bytes. The count depends on the message and its
 * state alone, so that what is refused is refused everywhere and every time.
 *
 * Throws `TerminalError`: `too_many_rows`, `expansion_too_large`.
 */
export class Expansion {
  readonly #maxBytes: number;
  /** What the plan holds of other messages. */
  readonly #others: number;
  #rows = 0;
  #cells = 0;
  #bytes = 0;

  constructor(maxBytes = maxExpandedBytes, others = 0) {
    this.#maxBytes = maxBytes;
    this.#others = others;
  }

  /** Of all cells so far: their texts, and 16 for each. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What the plan holds at this moment, of other messages too. */
  get held(): number {
    return this.#others + this.#bytes;
  }

  /**
   * One more row, as it is before constants, expressions and keys.
   * @param bytes of its cells, where they are known: {@link cellBytesOf} each
   */
  addRow(row: Row, bytes = rowBytes(row)): void {
    this.#rows += 1;
    this.#cells += row.size;
    if (this.#rows > maxRowsPerMessage || this.#cells > maxCellsPerMessage) throw tooManyRows();
    this.add(bytes);
  }

  /** One more cell of a row that is counted already. */
  addValue(value: JsonValue): void {
    this.add(cellBytesOf(value));
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.admit(0);
  }

  /** Whether so many more bytes may be made; they are not counted yet. */
  admit(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes) {
      throw new TerminalError('expansion_too_large', `the message expands to more than ${this.#maxBytes} bytes`);
    }
  }
}

export const tooManyRows = (): TerminalError =>
  new TerminalError(
    'too_many_rows',
    `the message expands to more than ${maxRowsPerMessage} rows or ${maxCellsPerMessage} cells`,
  );

/** What a cell takes beside its text: a place in a list, a length in a statement. */
const cellBytes = 16;

export const cellBytesOf = (value: JsonValue): number => cellBytes + valueBytes(value);

const rowBytes = (row: Row): number => {
  let bytes = 0;
  for (const value of row.values()) bytes += cellBytesOf(value);
  return bytes;
};

/** About the bytes of a value as the text of a cell; never much less. */
export const valueBytes = (value: JsonValue): number => {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return numberBytes(value);
  if (typeof value === 'bigint') return value.toString().length;
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof JsonFloat) return numberBytes(value.value);
  return containerBytes(value);
};

/** Without an exponent, as a cell has it, a number of a few characters can have three hundred. */
const numberBytes = (value: number): number => {
  const magnitude = Math.abs(value);
  const isPlain = magnitude === 0 || !Number.isFinite(value) || (magnitude >= 1e-4 && magnitude < 1e16);
  return isPlain ? 8 : 8 + Math.ceil(Math.abs(Math.log10(magnitude)));
};

const escapedBytes = 6;

/** In JSON text what is beyond ASCII is escaped. */
const textInJsonBytes = (text: string): number => {
  const bytes = Buffer.byteLength(text);
  return 4 + (bytes === text.length ? bytes : escapedBytes * text.length);
};

const containerBytes = (value: Exclude<JsonValue, null | boolean | string | number | bigint | JsonFloat>): number => {
  const member = (item: JsonValue): number => (typeof item === 'string' ? textInJsonBytes(item) : 4 + valueBytes(item));
  let bytes = 2;
  if (isJsonArray(value)) for (const item of value) bytes += member(item);
  else for (const [key, item] of entriesOf(value)) bytes += textInJsonBytes(key) + member(item);
  return bytes;
};
