import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { MsgHdrs } from '../../../shared/nats/connect.ts';
import { pairEntries, pairTraceContext, pairValue, parseHeaderPairs } from '../../../shared/nats/header-pairs.ts';
import { headerEntries, headerValue, parseHeaders, traceContextOf } from '../../../shared/nats/headers.ts';

/** The client's own decoder, which is not exported. */
const { MsgHdrsImpl } = createRequire(import.meta.url)('nats/lib/nats-base-client/headers.js') as {
  readonly MsgHdrsImpl: { decode(block: Uint8Array): MsgHdrs };
};

/** As the client reads a block; what it refuses is read by us. */
const fullReader = (block: string): MsgHdrs | undefined => {
  try {
    return MsgHdrsImpl.decode(new TextEncoder().encode(block));
  } catch {
    return parseHeaders(block);
  }
};

const names = [
  'Nats-Msg-Id',
  'nats-msg-id',
  'traceparent',
  'Traceparent',
  'tracestate',
  'X',
  '',
  ' X',
  'ä b',
  'X\n',
  'baggage',
];
const values = ['', ' ', '1', ' two words ', 'ä€😀', 'a:b', 'lone\rreturn', 'lone\nfeed', '\u00a0x', '{"a": 1}'];
const line = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom(...names), fc.constantFrom(...values))
      .map(([name, value]) => `${name}:${value}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('', 'no colon', ':', '::', ':value') },
);
const block = fc
  .tuple(fc.array(line, { maxLength: 6 }), fc.constantFrom('\r\n\r\n', '\r\n', ''))
  .map(([lines, end]) => `${['NATS/1.0', ...lines].join('\r\n')}${end}`);

it('reads of any block of headers what the client reads of it', () => {
  fc.assert(
    fc.property(block, (text) => {
      const pairs = parseHeaderPairs(text);
      const headers = fullReader(text);
      expect(pairEntries(pairs)).toEqual(headerEntries(headers));
      expect(pairTraceContext(pairs)).toEqual(traceContextOf(headers));
      for (const name of [...names, 'NATS-MSG-ID', 'missing']) {
        expect({ name, value: pairValue(pairs, name) }).toEqual({ name, value: headerValue(headers, name) });
      }
    }),
    { numRuns: 2_000 },
  );
});

it('reads nothing of what is no block of headers', () => {
  expect(parseHeaderPairs('')).toEqual([]);
  expect(parseHeaderPairs('X: 1\r\n\r\n')).toEqual([]);
});
