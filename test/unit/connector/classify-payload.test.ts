import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyPayload } from '../../../infra/connector/intake/classify-payload.ts';
import { defaultTriggers } from '../../../shared/routing/default-triggers.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const classify = (text: string) => classifyPayload(bytes(text), defaultTriggers);

/** Whether a strict text may stand between others, by a walk over each of its characters. */
const mayBeSpliced = (text: string): boolean => {
  let depth = 0;
  let digits = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index]!;
    if (inString) {
      if (character === '\\') index += 1;
      else if (character === '"') inString = false;
      continue;
    }
    digits = /\d/.test(character) ? digits + 1 : 0;
    if (digits >= 4_000) return false;
    if (character === '"') inString = true;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth > 64) return false;
  }
  return true;
};

const isStrict = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const strings = ['a', '"', '\\', '\\\\"', '{[', '}}', 'é€😀', '[[[[[[[['.repeat(10), '\u2028', '1'.repeat(4_001), ''];
const leaf = fc.oneof(
  fc.constantFrom(...strings).map((text) => JSON.stringify(text)),
  fc.constantFrom(
    '1',
    '-0.5e3',
    'true',
    'null',
    '"\\u0022"',
    '"\\\\"',
    '9'.repeat(3_999),
    '9'.repeat(4_000),
    `1.${'3'.repeat(4_001)}`,
  ),
  fc.constantFrom(
    '[]',
    '{}',
    `${'['.repeat(62)}${']'.repeat(62)}`,
    `${'['.repeat(63)}${']'.repeat(63)}`,
    `${'[{"a":'.repeat(40)}1${'}]'.repeat(40)}`,
  ),
);
const name = fc.constantFrom('type', 'route_id', 'state_id', 'query_state', 'ty\\u0070e', 'x');
const value = fc.oneof(leaf, fc.constantFrom('"query_state_route"', '"query_state_direct"', '"a:b"', '"p1"', '7'));
const member = fc.tuple(name, value).map(([key, text]) => `"${key}": ${text}`);
const object = fc.array(member, { maxLength: 7 }).map((members) => `{${members.join(', ')}}`);
/** A text with a piece cut out, put in twice, or replaced. */
const mutated = fc
  .tuple(object, fc.nat(), fc.nat({ max: 9 }), fc.constantFrom('', '"', '\\', '{', ']', 'NaN', ',', ' ', '\u0001', '0'))
  .map(([text, at, length, piece]) => {
    const from = at % (text.length + 1);
    // Half a pair of surrogates cannot be sent: bytes hold a replacement for it.
    return new TextDecoder().decode(new TextEncoder().encode(text.slice(0, from) + piece + text.slice(from + length)));
  });

describe('the type and the key of a message', () => {
  it('are those that a full reader finds, in any text', () => {
    fc.assert(
      fc.property(fc.oneof(object, mutated), (text) => {
        const read = classify(text);
        if (!isStrict(text)) {
          // The lossless reader may still read it; it is never put between others.
          expect(read.isJson).toBe(false);
          return;
        }
        const parsed = JSON.parse(text) as Record<string, unknown> | null;
        if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
          expect(read).toMatchObject({ ok: false, code: 'invalid_envelope' });
          return;
        }
        const route = parsed['route_id'];
        expect(read.routeId).toBe(typeof route === 'string' && route.length <= 255 ? route : null);
        if (!read.ok) return;
        expect(read.messageType).toBe(parsed['type']);
        expect(read.key).toBe(parsed[read.trigger.key]);
        expect(read.isJson).toBe(mayBeSpliced(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it('are the last ones, where a name comes twice', () => {
    const text = '{"type": "x", "route_id": "a", "type": "query_state_route", "route_id": "b"}';
    expect(classify(text)).toMatchObject({ ok: true, messageType: 'query_state_route', key: 'b' });
  });

  it('are those of the message itself, not of what is inside it', () => {
    const text = '{"query_state": [{"type": "x", "route_id": "y"}], "type": "query_state_route", "route_id": "b"}';
    expect(classify(text)).toMatchObject({ ok: true, messageType: 'query_state_route', key: 'b' });
  });

  it.each([
    { what: 'as deep as may be', list: `${'['.repeat(63)}${']'.repeat(63)}`, isJson: true },
    { what: 'deeper', list: `${'['.repeat(64)}${']'.repeat(64)}`, isJson: false },
    { what: 'many lists side by side', list: `[${'[],'.repeat(500)}[]]`, isJson: true },
    { what: 'brackets inside a text', list: JSON.stringify('['.repeat(500)), isJson: true },
    {
      what: 'a text that ends in backslashes, then depth',
      list: `["\\\\", ${'['.repeat(64)}${']'.repeat(64)}]`,
      isJson: false,
    },
    { what: 'a number as long as may be', list: '1'.repeat(3_999), isJson: true },
    { what: 'a longer number', list: '1'.repeat(4_000), isJson: false },
    { what: 'digits inside a text', list: JSON.stringify('1'.repeat(4_001)), isJson: true },
  ])('travels between others or apart: $what', ({ list, isJson }) => {
    const text = `{"type": "query_state_route", "route_id": "b", "query_state": ${list}}`;
    expect(classify(text)).toMatchObject({ ok: true, isJson });
  });
});
