import { TerminalError } from '../errors/sync-error.ts';
import type { JsonValue } from '../json/json-value.ts';
import { maxCellsPerMessage, maxRowsPerMessage } from './plan-limits.ts';
import type { Row } from './state-model.ts';

/** Gathers the rows of a fan-out and stops one that grows beyond the limits of a message before it costs memory. */
export class RowCollector {
  readonly rows: Row[] = [];
  #cells = 0;

  add(row: Map<string, JsonValue>): void {
    this.#cells += row.size;
    if (this.rows.length >= maxRowsPerMessage || this.#cells > maxCellsPerMessage) {
      throw new TerminalError(
        'too_many_rows',
        `the message expands to more than ${maxRowsPerMessage} rows, or too wide ones`,
      );
    }
    this.rows.push(row);
  }
}
