import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonFloat, isJsonArray, isJsonObject, entriesOf, type JsonValue } from '../../../shared/json/json-value.ts';
import { isExact } from '../../../shared/json/is-exact.ts';
import { parseJson } from '../../../shared/json/parse-json.ts';
import { parseLossless } from '../../../shared/json/parse-lossless.ts';
import { measureJson } from '../../../shared/json/measure-json.ts';

/** `EXACTNESS_RUNS=100000` for the long form. */
const numRuns = Number(process.env['EXACTNESS_RUNS'] ?? 5_000);

/** A value with its types written out. */
const spell = (value: JsonValue): string => {
  if (value instanceof JsonFloat) return `float(${value.value})`;
  if (isJsonArray(value)) return `[${value.map(spell).join()}]`;
  if (isJsonObject(value)) {
    return `{${[...entriesOf(value)].map(([key, member]) => `${JSON.stringify(key)}:${spell(member)}`).join()}}`;
  }
  if (typeof value === 'bigint') return `int(${value})`;
  if (typeof value === 'number')
    return Object.is(value, -0) ? 'int(0)' : `${Number.isInteger(value) ? 'int' : 'float'}(${value})`;
  return JSON.stringify(value);
};

const read = (parse: (text: string) => JsonValue, text: string): string => {
  try {
    return spell(parse(text));
  } catch (error) {
    return (error as { readonly code?: string }).code ?? String(error);
  }
};

const counted = (text: string): JsonValue => parseJson(text, measureJson(Buffer.from(text)).members);

const key = fc.constantFrom('a', 'b', 'n', 'aa', '0', '__proto__', '', '"', '\\');
const text = fc.oneof(
  fc.constantFrom('', 'x', '}qqqqqqqq', ',"n":1', ':1.0,', '"', '\\"', '\\', '],', '}', '","n":1.0,"a":"', 'é'),
  fc.string({ maxLength: 12 }),
);
const leaf = fc.oneof(
  text.map((value) => JSON.stringify(value)),
  fc.constantFrom('1', '1.0', '-0', '0.5', '1e5', '9007199254740993', 'true', 'false', 'null', '12', '-1'),
);
const space = fc.constantFrom('', '', '', ' ', '\n\t');

/** JSON text with repeated keys and numbers that `JSON.parse` loses something of. */
const { source } = fc.letrec<{ source: string }>((tie) => ({
  source: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc
      .tuple(space, fc.array(fc.tuple(key, space, tie('source')), { maxLength: 5 }))
      .map(
        ([before, members]) =>
          `{${before}${members.map(([name, between, value]) => `${JSON.stringify(name)}:${between}${value}`).join()}}`,
      ),
    fc
      .tuple(space, fc.array(tie('source'), { maxLength: 5 }))
      .map(([before, items]) => `[${before}${items.join(`${before},`)}]`),
  ),
}));

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  from: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  length: fc.nat({ max: 30 }),
  kind: fc.constantFrom('copy', 'cut', 'swap'),
});

const mutate = (
  original: string,
  { at, from, length, kind }: typeof mutation extends fc.Arbitrary<infer T> ? T : never,
): string => {
  const target = Math.floor(at * original.length);
  const part = original.slice(Math.floor(from * original.length)).slice(0, length);
  if (kind === 'copy') return original.slice(0, target) + part + original.slice(target);
  if (kind === 'cut') return original.slice(0, target) + original.slice(target + length);
  return original.slice(0, target) + part + original.slice(target + part.length);
};

describe('whether JSON.parse has lost something is decided by the whole text', () => {
  it.each([
    '{"a":"x","n":1.0,"a":"}qqqqqqqq"}',
    '{"a":"x","n":1.0,"b":"y","a":"yyyyyyyyyyyyyyyyy"}',
    '[{"a":"x","n":1.0,"a":"},"},"]z"]',
    '[{"a":1,"\\\\":1},{"a":1,"\\"":1}]',
    '{"n":1.0,"n":1}',
    '{"n":1,"n":1.0}',
    '{"a":{"n":1.0},"a":{"n":1}}',
    '{"a":"\\"","n":1.0,"a":"x"}',
    '{"a":1,"n":1.0,"a":"x"}',
    '{"a":"x","n":1.0,"a":1}',
    '{"a":[1.0],"a":[1,2]}',
  ])('%s', (json) => {
    const exact = read((source) => parseLossless(source, true), json);
    expect(read(parseJson, json)).toBe(exact);
    expect(read(counted, json)).toBe(exact);
  });

  it('of any text, and of any text that became another one', () => {
    fc.assert(
      fc.property(source, fc.array(mutation, { maxLength: 3 }), (original, mutations) => {
        const json = mutations.reduce(mutate, original);
        const exact = read(parseLossless, json);
        expect(read(parseJson, json)).toBe(exact);
        expect(read(counted, json)).toBe(exact);
      }),
      { numRuns },
    );
  });

  it('and an ordinary text is taken as it is', () => {
    const json = JSON.stringify({
      a: 'x',
      rows: [
        { b: 'two "words"', n: 1.5, m: 3 },
        { b: 'é', n: null },
      ],
    });
    for (const members of [undefined, measureJson(Buffer.from(json)).members]) {
      expect(isExact(json, JSON.parse(json) as JsonValue, members)).toBe(true);
    }
  });
});
