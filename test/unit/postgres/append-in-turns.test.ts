import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../../shared/message/content-hash.ts';
import type { AppendDelivery } from '../../../shared/postgres/append-request.ts';
import { bindAppend, bindAppendInTurns } from '../../../shared/postgres/append-statement.ts';
import { tableNames } from '../../../shared/postgres/table-names.ts';
import { maxCellsPerMessage, maxExpandedBytes, maxRowsPerMessage } from '../../../shared/state/plan-limits.ts';
import { newColumn } from '../../support/append-fixture.ts';
import { longestTurnMs, mostTurnMs } from '../../support/longest-turn.ts';

const tables = tableNames({});

const columnsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    ...newColumn(`c${index}`, index % 3 === 2 ? 'json' : 'str'),
    id: String(index + 1),
  }));

/** One delivery whose cells are all the same text. */
const filled = (rows: number, columns: number, text: string): AppendDelivery => ({
  id: 'large',
  rowCount: rows,
  cells: Array.from({ length: columns }, () => Array.from({ length: rows }, () => text)),
  stateKeys: Array.from({ length: rows }, (_, row) => `key ${row}`),
  bytes: rows * columns * (Buffer.byteLength(text) + 16),
  forwards: false,
  contentHash: null,
});

const widest = maxCellsPerMessage / maxRowsPerMessage;

describe('the largest delivery that the limits admit', () => {
  it.each([
    ['10,000 rows of one ASCII text', filled(maxRowsPerMessage, 1, 'x'.repeat(6_690))],
    ['10,000 rows of two bytes a character', filled(maxRowsPerMessage, 1, 'ä'.repeat(3_340))],
    ['10,000 rows of three bytes a character', filled(maxRowsPerMessage, 1, '漢'.repeat(2_230))],
    ['two million short cells', filled(maxRowsPerMessage, widest, 'some text of 17 B')],
    ['two texts of 33 MB', filled(2, 1, '漢'.repeat(11_180_000))],
    ['two million cells without a value', { ...filled(maxRowsPerMessage, 1, 'x'), cells: [] }],
  ])('is bound without a long turn of the event loop: %s', { timeout: 60_000 }, async (name, delivery) => {
    expect(delivery.bytes).toBeLessThanOrEqual(maxExpandedBytes * 1.01);
    const columns = columnsOf(name.includes('million') ? widest : 1);
    let leastMs = Number.POSITIVE_INFINITY;
    // A collection of garbage takes its time where it likes: the least of a few tries is what binding takes.
    for (let attempt = 0; attempt < 4 && leastMs > mostTurnMs(); attempt += 1) {
      const ms = await longestTurnMs(() => bindAppendInTurns(tables, 'S', columns, [delivery]));
      leastMs = Math.min(leastMs, ms);
    }
    expect(leastMs).toBeLessThan(mostTurnMs());
  });
});

/** A hash is compared faster than megabytes are. */
const comparable = (value: unknown): unknown => (Buffer.isBuffer(value) ? contentHash(value) : value);

describe('an append that is bound in turns', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    // Pieces of a long text end within a pair, before it and after it.
    fc
      .tuple(fc.integer({ min: 262_140, max: 262_147 }), fc.constantFrom('🙂x', '\ud800x', 'é'))
      .map(([length, end]) => 'x'.repeat(length) + end.repeat(3)),
  );

  it('is byte for byte what it would be at once', async () => {
    const delivery = fc
      .array(fc.option(fc.array(fc.option(text), { minLength: 3, maxLength: 3 }), { nil: undefined }), {
        minLength: 4,
        maxLength: 4,
      })
      .map((cells): AppendDelivery => ({
        ...filled(3, 0, ''),
        cells: cells as AppendDelivery['cells'],
      }));
    await fc.assert(
      fc.asyncProperty(fc.array(delivery, { minLength: 1, maxLength: 3 }), async (deliveries) => {
        const atOnce = bindAppend(tables, 'S', columnsOf(4), deliveries);
        const inTurns = await bindAppendInTurns(tables, 'S', columnsOf(4), deliveries);
        expect({ ...inTurns, values: inTurns.values.map(comparable) }).toEqual({
          ...atOnce,
          values: atOnce.values.map(comparable),
        });
      }),
      { numRuns: 60 },
    );
  });
});
