import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvLine, readCsv } from '../../../infra/cli/csv.ts';
import { directMessages } from '../../../infra/cli/direct-messages.ts';
import { printable } from '../../../infra/cli/output.ts';
import type { SourceRow } from '../../../infra/cli/read-rows.ts';

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
};

async function* inChunks(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function* rowsOf(texts: readonly string[]): AsyncGenerator<SourceRow> {
  for (const [index, json] of texts.entries()) yield { json, line: index + 1 };
}

describe('CSV', () => {
  it('comes back as it was written, whatever the fields hold and however it is cut', async () => {
    const field = fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', '\n', '\r\n', 'é', ';') });
    await fc.assert(
      fc.asyncProperty(
        fc
          .integer({ min: 1, max: 4 })
          .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { maxLength: 5 })),
        fc.integer({ min: 1, max: 7 }),
        async (records, size) => {
          const read = await collect(readCsv(inChunks(records.map(csvLine).join(''), size)));
          expect(read.map(({ fields }) => fields)).toEqual(records);
        },
      ),
    );
  });

  it('counts lines over line ends in quotes', async () => {
    const read = await collect(readCsv(inChunks('a,"b\nc"\nd,e\n\nf,g', 3)));
    expect(read).toEqual([
      { fields: ['a', 'b\nc'], line: 1 },
      { fields: ['d', 'e'], line: 3 },
      { fields: ['f', 'g'], line: 5 },
    ]);
  });
});

describe('messages of a file', () => {
  const options = { stateId: 's"1', batch: 3, maxBytes: 1_000, idPrefix: undefined };

  it('hold every row once, in order, within the limits, under ids that are the same each time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.json({ maxDepth: 1 }).filter((text) => text.length < 200)), async (texts) => {
        const first = await collect(directMessages(rowsOf(texts), options));
        const second = await collect(directMessages(rowsOf(texts), options));
        expect(first.map(({ id }) => id)).toEqual(second.map(({ id }) => id));
        expect(new Set(first.map(({ id }) => id)).size).toBe(first.length);
        const rows = first.flatMap(({ payload, rows: count }) => {
          const text = new TextDecoder().decode(payload);
          const message = JSON.parse(text) as { type: string; state_id: string; query_state: unknown[] };
          expect(message).toMatchObject({ type: 'query_state_direct', state_id: 's"1' });
          expect(message.query_state).toHaveLength(count);
          expect(count).toBeLessThanOrEqual(3);
          expect(payload.byteLength).toBeLessThanOrEqual(1_000);
          return message.query_state;
        });
        expect(rows).toEqual(texts.map((text) => JSON.parse(text) as unknown));
      }),
    );
  });

  it('have other ids where a row differs', async () => {
    const [one] = await collect(directMessages(rowsOf(['{"a":1}']), options));
    const [other] = await collect(directMessages(rowsOf(['{"a":1.0}']), options));
    expect(one?.id).not.toBe(other?.id);
  });
});

describe('text for a terminal', () => {
  it('holds no control sequence of what came from a message', () => {
    expect(printable('a\u001b[31mb\u0007c\u009b1md')).toBe('ab cd');
    fc.assert(
      fc.property(fc.string({ unit: fc.nat({ max: 0x9f }).map((code) => String.fromCodePoint(code)) }), (text) => {
        // oxlint-disable-next-line no-control-regex
        expect(printable(text)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      }),
    );
  });
});
