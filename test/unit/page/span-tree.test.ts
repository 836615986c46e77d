import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvText, jsonLinesText } from '../../../functions/manage/page/export-rows.ts';
import { spanTree } from '../../../functions/manage/page/span-tree.ts';
import type { TraceSpan } from '../../../shared/operate/trace-source.ts';

const spanOf = (spanId: string, parentSpanId: string | null, startMs: number, durationMs: number): TraceSpan => ({
  spanId,
  parentSpanId,
  service: 's',
  name: spanId,
  kind: 'internal',
  startMs,
  durationMs,
  isFailed: false,
  attributes: {},
  links: [],
});

describe('the tree of a trace', () => {
  it('has parents before children, both by their start, with their part of the whole time', () => {
    const tree = spanTree([
      spanOf('child 2', 'root', 60, 40),
      spanOf('root', null, 0, 100),
      spanOf('child 1', 'root', 10, 20),
      spanOf('lonely', 'not there', 80, 10),
    ]);
    expect(tree.map(({ span, depth, from, part }) => [span.spanId, depth, from, part])).toEqual([
      ['root', 0, 0, 1],
      ['child 1', 1, 0.1, 0.2],
      ['child 2', 1, 0.6, 0.4],
      ['lonely', 0, 0.8, 0.1],
    ]);
  });

  it('ends and shows no span twice, whoever names whom as a parent', () => {
    const spans = fc.uniqueArray(
      fc.record({ id: fc.nat(9), parent: fc.option(fc.nat(9)), startMs: fc.nat(100), ms: fc.nat(10) }),
      { selector: ({ id }) => id },
    );
    fc.assert(
      fc.property(spans, (list) => {
        const tree = spanTree(
          list.map(({ id, parent, startMs, ms }) =>
            spanOf(String(id), parent === null ? null : String(parent), startMs, ms),
          ),
        );
        const ids = tree.map(({ span }) => span.spanId);
        expect(new Set(ids).size).toBe(ids.length);
        for (const { from, part } of tree) expect(from >= 0 && from + part <= 1.0001).toBe(true);
      }),
    );
  });
});

describe('rows that are exported', () => {
  it('are CSV that tells an empty text from none, and JSON lines', () => {
    const rows = [
      ['1', 'a "b",\nc'],
      ['', null],
    ];
    expect(csvText(['id', 'text'], rows)).toBe('id,text\r\n1,"a ""b"",\nc"\r\n"",\r\n');
    expect(jsonLinesText(['id', 'text'], rows)).toBe('{"id":"1","text":"a \\"b\\",\\nc"}\n{"id":"","text":null}\n');
  });
});
