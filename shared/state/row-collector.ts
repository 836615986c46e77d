import type { JsonValue } from '../json/json-value.ts';
import { cellBytesOf, type Expansion } from './expansion.ts';
import type { Row } from './state-model.ts';

/** Gathers the rows of a fan-out; each is counted before the next one is made. */
export class RowCollector {
  readonly rows: Row[] = [];
  readonly expansion: Expansion;

  constructor(expansion: Expansion) {
    this.expansion = expansion;
  }

  add({ record, bytes }: CountedRow): void {
    this.expansion.addRow(record, bytes);
    this.rows.push(record);
  }

  /** Puts a value into a row that is being made. */
  put(row: CountedRow, path: string, value: JsonValue): void {
    // Keys inside of each other make names that are longer than the message, and each row makes its own.
    this.expansion.add(path.length);
    row.bytes += cellBytesOf(value);
    this.expansion.admit(row.bytes);
    row.record.set(path, value);
  }
}

/** A row that is being made, with the bytes of its cells: those that it has from the row before are not counted again. */
export interface CountedRow {
  readonly record: Map<string, JsonValue>;
  bytes: number;
}

export const copyOf = ({ record, bytes }: CountedRow): CountedRow => ({ record: new Map(record), bytes });
