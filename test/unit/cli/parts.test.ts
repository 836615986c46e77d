import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CliIo } from '../../../infra/cli/cli-io.ts';
import { csvLine, readCsv, safeField } from '../../../infra/cli/csv.ts';
import { directMessages } from '../../../infra/cli/direct-messages.ts';
import { printable, visible } from '../../../infra/cli/output.ts';
import { readRows, type RowSource, type SourceRow } from '../../../infra/cli/read-rows.ts';

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

const rowsOfFile = (bytes: Buffer, source: Partial<RowSource> = {}): Promise<SourceRow[]> =>
  collect(
    readRows(
      {
        stdin: (async function* () {
          for (const byte of bytes) yield Buffer.from([byte]);
        })(),
      } as Partial<CliIo> as CliIo,
      { path: '-', format: 'csv', ...source },
    ),
  );

describe('a CSV file of any program', () => {
  const rows = ['{"id":"1","name":"Zürich"}', '{"id":"2","name":"São Paulo"}'];
  const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
  it.each<[string, Buffer, Partial<RowSource>?]>([
    ['line feeds', Buffer.from('id,name\n1,Zürich\n2,São Paulo\n')],
    ['carriage returns and line feeds', Buffer.from('id,name\r\n1,Zürich\r\n2,São Paulo\r\n')],
    ['carriage returns alone', Buffer.from('id,name\r1,Zürich\r2,São Paulo\r')],
    ['mixed line ends', Buffer.from('id,name\r\n1,Zürich\n2,São Paulo\r')],
    ['no line end at the end', Buffer.from('id,name\n1,Zürich\n2,São Paulo')],
    ['empty lines', Buffer.from('\n\nid,name\n\n1,Zürich\n\n\n2,São Paulo\n\n')],
    ['every field quoted', Buffer.from('"id","name"\n"1","Zürich"\n"2","São Paulo"\n')],
    ['semicolons', Buffer.from('id;name\n1;Zürich\n2;São Paulo\n')],
    ['tabs', Buffer.from('id\tname\n1\tZürich\n2\tSão Paulo\n')],
    ['pipes', Buffer.from('id|name\n1|Zürich\n2|São Paulo\n')],
    ['a delimiter of its own', Buffer.from('id^name\n1^Zürich\n2^São Paulo\n'), { delimiter: '^' }],
    ['Excel’s first line', Buffer.from('sep=;\r\nid;name\r\n1;Zürich\r\n2;São Paulo\r\n')],
    ['a delimiter in a quoted name', Buffer.from('"id";"name"\n1;Zürich\n2;São Paulo\n')],
    ['a delimiter too many on every line', Buffer.from('id,name,\n1,Zürich,\n2,São Paulo,\n')],
    ['a delimiter too many in the header', Buffer.from('id,name,,\n1,Zürich\n2,São Paulo\n')],
    ['a UTF-8 byte order mark', Buffer.from('\uFEFFid,name\n1,Zürich\n2,São Paulo\n')],
    ['UTF-16 little endian with its mark', Buffer.from('\uFEFFid\tname\r\n1\tZürich\r\n2\tSão Paulo\r\n', 'utf16le')],
    ['UTF-16 big endian with its mark', utf16be('\uFEFFid,name\n1,Zürich\n2,São Paulo\n')],
    ['UTF-16 little endian without a mark', Buffer.from('id,name\n1,Zürich\n2,São Paulo\n', 'utf16le')],
    ['UTF-16 big endian without a mark', utf16be('id,name\n1,Zürich\n2,São Paulo\n')],
    ['Windows-1252 by name', Buffer.from('id,name\n1,Zürich\n2,São Paulo\n', 'latin1'), { encoding: 'windows-1252' }],
  ])('is read with %s', async (_kind, bytes, source) => {
    expect((await rowsOfFile(bytes, source)).map(({ json }) => json)).toEqual(rows);
  });

  it.each<[string, string | Buffer, string]>([
    ['a quote inside an unquoted field', 'a,b\n5" pipe,2\n', '{"a":"5\\" pipe","b":"2"}'],
    ['a field that is one quote', 'a\n""""\n', '{"a":"\\""}'],
    ['spaces around fields', 'a,b\n x , y\n', '{"a":" x ","b":" y"}'],
    ['empty fields', 'a,b\n,\n', '{"a":"","b":""}'],
  ])('keeps %s', async (_kind, text, json) => {
    expect((await rowsOfFile(Buffer.from(text))).map((row) => row.json)).toEqual([json]);
  });

  it.each<[string, string | Buffer, string]>([
    ['names that are the same', 'a,b,a\n', 'the column a is there twice'],
    [
      'names that become the same',
      'Order Id,order.id\n',
      'the columns "Order Id" and "order.id" would both become order_id',
    ],
    ['a name that vanishes', 'a,%%%\n', 'the name of column 2 ("%%%") has no letter or digit'],
    ['a name that is missing', 'a,,b\n', 'the name of column 2 ("") has no letter or digit'],
    ['no name at all', ',,\n1,2,3\n', 'the first line names no column'],
    ['a value under no name', 'a,\n1,2\n', 'line 2 has a value in column 2, which has no name'],
    ['too few fields', 'a,b\n1\n', 'line 2 has 1 fields, the header has 2'],
    ['too many fields', 'a,b\n1,2,3\n', 'line 2 has 3 fields, the header has 2'],
    ['a quote that is never closed', 'a\n"1\n2\n', 'a quote is never closed'],
    ['text behind a quote', 'a,b\n1,2\n"x"y,2\n', 'line 3: there is text behind a closing quote'],
    ['another encoding', Buffer.from('a\nZürich\n', 'latin1'), 'it is not utf-8 text; name its encoding'],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), 'it is UTF-32 text; save it as UTF-8'],
    [
      'half a UTF-16 character',
      Buffer.concat([Buffer.from('\uFEFFa\n1', 'utf16le'), Buffer.from([0x61])]),
      'it is not utf-16le text',
    ],
  ])('is refused by name for %s', async (_kind, text, reason) => {
    await expect(rowsOfFile(Buffer.from(text))).rejects.toThrow(reason);
  });

  it('becomes safe for a spreadsheet only if that is asked for', () => {
    expect(['=1+1', '+1', '-1', '@x', '\tx', '\rx', 'x=1', '', null].map(safeField)).toEqual([
      "'=1+1",
      "'+1",
      "'-1",
      "'@x",
      "'\tx",
      "'\rx",
      'x=1',
      '',
      null,
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

  it('keep the ids of all rows that are the same if one before them is changed, added or removed', async () => {
    const ids = async (texts: readonly string[]): Promise<readonly string[]> =>
      (await collect(directMessages(rowsOf(texts), { ...options, batch: 1 }))).map(({ id }) => id);
    const before = await ids(['{"a":1}', '{"a":2}', '{"a":2}', '{"a":3}']);
    const after = await ids(['{"a":0}', '{"a":1.5}', '{"a":2}', '{"a":2}', '{"a":3}']);
    expect(new Set(before).size).toBe(4);
    expect(after.slice(2)).toEqual(before.slice(1));
    expect(after.filter((id) => before.includes(id))).toHaveLength(3);
  });

  it('have other ids if a row differs', async () => {
    const [one] = await collect(directMessages(rowsOf(['{"a":1}']), options));
    const [other] = await collect(directMessages(rowsOf(['{"a":1.0}']), options));
    expect(one?.id).not.toBe(other?.id);
  });
});

describe('text for a terminal', () => {
  it('shows control and bidirectional characters by their code, and keeps line ends and tabs', () => {
    expect(visible('a\u001b[31mb\tc\r\nd\u202ee\u2066f')).toBe('a<U+001B>[31mb\tc\nd<U+202E>e<U+2066>f');
  });

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
