import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  entriesOf,
  isJsonArray,
  isJsonObject,
  JsonFloat,
  memberOf,
  type JsonValue,
} from '../../../shared/json/json-value.ts';
import { parseJson } from '../../../shared/json/parse-json.ts';
import { parseLossless } from '../../../shared/json/parse-lossless.ts';
import { jsonbText, pythonJson } from '../../../shared/json/write-json.ts';
import { anyText, jsonValue } from '../../support/json-arbitraries.ts';
import { thrownCode } from '../../support/thrown-code.ts';

const manyRuns = { numRuns: 10_000 };

/** A spelling of a value that no reader and no writer of the project has made: one line per node, with its type. */
const spell = (value: JsonValue): string => {
  if (isJsonArray(value)) return `list(${value.map(spell).join(';')})`;
  if (isJsonObject(value)) {
    return `object(${[...entriesOf(value)].map(([key, member]) => `${JSON.stringify(key)}=${spell(member)}`).join(';')})`;
  }
  if (value instanceof JsonFloat) return `float(${Object.is(value.value, -0) ? '-0' : value.value})`;
  if (typeof value === 'number') return Number.isInteger(value) ? `int(${value})` : `float(${value})`;
  return typeof value === 'bigint' ? `int(${value})` : JSON.stringify(value);
};

/** Literals by an own rule: an integral float always with an exponent, so that nothing but the spelling tells its type. */
const literal = (value: JsonValue): string => {
  if (isJsonArray(value)) return `[${value.map(literal).join(',')}]`;
  if (isJsonObject(value)) {
    return `{${[...entriesOf(value)].map(([key, member]) => `${JSON.stringify(key)}:${literal(member)}`).join(',')}}`;
  }
  if (value instanceof JsonFloat)
    return value.value.toExponential().replace(/^0e/, Object.is(value.value, -0) ? '-0e' : '0e');
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
};

describe('reading', () => {
  it('gives back every value from its text, types and order of keys included', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(spell(parseJson(literal(value)))).toBe(spell(value));
      }),
      manyRuns,
    );
  });

  it('is the same with and without the fast path, whatever the text', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      ' ',
      '1',
      '0',
      '.',
      '.0',
      'e',
      'E+2',
      '-',
      '-0',
      '1.0',
      '"a"',
      '"1"',
    ];
    const values = [
      '9007199254740993',
      '4503599627370497.5',
      '0.99999999999999999999',
      '99999999999.9999999999',
      'NaN',
    ];
    const traps = [
      '"x, 1.0, y"',
      '"__proto__"',
      ',"a":',
      '{"b":1e2}',
      '1e-400',
      '1e400',
      '100e-2',
      '"é"',
      '9'.repeat(400),
    ];
    const piece = fc.constantFrom(...pieces, ...values, ...traps);
    const outcome = (read: () => JsonValue): string => {
      let spelled = '';
      const code = thrownCode(() => (spelled = spell(read())));
      return code ?? spelled;
    };
    const text = fc.oneof(
      fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
      fc.array(piece, { maxLength: 8 }).map((pieces) => `[${pieces.join(',')}]`),
      fc.array(piece, { maxLength: 8 }).map((pieces) => `{"k":[${pieces.join(' ,\n')}], "s": "1.0"}`),
    );
    fc.assert(
      fc.property(text, (text) => {
        expect(outcome(() => parseJson(text))).toBe(outcome(() => parseLossless(text)));
      }),
      { numRuns: 50_000 },
    );
  });

  it.each([
    ['1', 'int(1)'],
    ['1.0', 'float(1)'],
    ['1e2', 'float(100)'],
    ['[1E+2, 100e-2, 1e-400]', 'list(float(100);float(1);float(0))'],
    ['-0', 'int(0)'],
    ['-0.0', 'float(-0)'],
    ['9007199254740991', 'int(9007199254740991)'],
    ['9007199254740993', 'int(9007199254740993)'],
    ['4503599627370497.5', 'float(4503599627370498)'],
    ['[0.99999999999999999999]', 'list(float(1))'],
    ['[9999999999.99999999999]', 'list(float(10000000000))'],
    ['[NaN,Infinity,-Infinity,1e400]', 'list(float(NaN);float(Infinity);float(-Infinity);float(Infinity))'],
    ['{"a":1,"b":2,"a":3}', 'object("a"=int(3);"b"=int(2))'],
    ['{"b":1,"2":2,"1":3,"b":4}', 'object("b"=int(4);"2"=int(2);"1"=int(3))'],
    ['{"\\u0031":1,"\\u0030":2}', 'object("1"=int(1);"0"=int(2))'],
    ['{"__proto__":{"x":1},"a":2}', 'object("__proto__"=object("x"=int(1));"a"=int(2))'],
    ['"\\ud800"', '"\\ud800"'],
    [' [ 1 , { "a" : 1.5e-7 } ] ', 'list(int(1);object("a"=float(1.5e-7)))'],
  ])('reads %s as Python does', (text, spelled) => {
    expect(spell(parseJson(text))).toBe(spelled);
  });

  it.each([
    '',
    ' ',
    '{',
    '[1,]',
    '{"a":1,}',
    "{'a':1}",
    '01',
    '1.',
    '.5',
    '+1',
    '1e',
    'nan',
    '-',
    '--1',
    'True',
    '"\n"',
    '"\\x"',
    '[1] 2',
    '\ufeff1',
    '{"a" 1}',
    '{1:2}',
    '"a',
    '"\\',
  ])('refuses %j with a code', (text) => {
    expect(thrownCode(() => parseJson(text))).toBe('invalid_json');
  });

  it('G-45: refuses deep nesting and huge integers at once, and takes what is just within the limits', () => {
    const nested = (open: string, inner: string, close: string, depth: number): string =>
      open.repeat(depth) + inner + close.repeat(depth);
    for (const inner of ['1', '1.0', 'NaN']) {
      expect(thrownCode(() => parseJson(nested('[', inner, ']', 500)))).toBeUndefined();
      expect(thrownCode(() => parseJson(nested('[', inner, ']', 501)))).toBe('nesting_too_deep');
      expect(thrownCode(() => parseJson(nested('{"a":', inner, '}', 501)))).toBe('nesting_too_deep');
    }
    expect(thrownCode(() => parseJson(nested('[', '1', ']', 200_000)))).toBe('nesting_too_deep');
    expect(thrownCode(() => parseJson('['.repeat(1_000_000)))).toBe('nesting_too_deep');
    expect(parseJson(`-${'9'.repeat(4_300)}`)).toBe(1n - 10n ** 4_300n);
    expect(thrownCode(() => parseJson('9'.repeat(4_301)))).toBe('invalid_json');
  });

  it('takes time in proportion to the text, whatever it is made of', () => {
    const texts = ['1.0001', '{"1.0":', '1e1', '0.', '[', '\\"', ' ', '-0'].map(
      (piece) => `[1, "${piece.repeat(300_000)}"]`,
    );
    const startMs = performance.now();
    for (const text of texts) thrownCode(() => parseJson(text));
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  it('does not let a key reach the prototype', () => {
    const value = parseJson('{"__proto__":{"polluted":1}}');
    expect(isJsonObject(value) && memberOf(value, 'polluted')).toBeUndefined();
    expect(isJsonObject(value) && memberOf(value, 'constructor')).toBeUndefined();
  });
});

describe('writing', () => {
  it('gives text that reads back as the same value, escaped or not', () => {
    fc.assert(
      fc.property(jsonValue, fc.boolean(), (value, ascii) => {
        expect(spell(parseJson(pythonJson(value, { ascii })))).toBe(spell(value));
      }),
      manyRuns,
    );
  });

  it('escapes everything beyond ASCII if asked to', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(pythonJson(value, { ascii: true })).toMatch(/^[ -~]*$/);
      }),
      manyRuns,
    );
  });

  it('escapes texts as JSON.stringify does, but for lone surrogates, which stay', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const escaped = JSON.stringify(text).replaceAll(/\\ud[89a-f][\da-f]{2}|\\\\/g, (escape) =>
          escape === '\\\\' ? escape : (JSON.parse(`"${escape}"`) as string),
        );
        expect(pythonJson(text, { ascii: false })).toBe(escaped);
      }),
      manyRuns,
    );
  });

  it.each([
    [
      '{"a":[1,{"b":null}],"c":"é😀\u2028\u007f"}',
      '{"a": [1, {"b": null}], "c": "\\u00e9\\ud83d\\ude00\\u2028\\u007f"}',
    ],
    ['[1e16,1e-5,-0.0,100.0,12345678901234567890]', '[1e+16, 1e-05, -0.0, 100.0, 12345678901234567890]'],
    ['[NaN,Infinity,-Infinity,true,[],{}]', '[NaN, Infinity, -Infinity, true, [], {}]'],
    ['"\\b\\f\\n\\r\\t\\u0000\\u001f\\"\\\\/"', '"\\b\\f\\n\\r\\t\\u0000\\u001f\\"\\\\/"'],
  ])('writes %s as Python does', (text, written) => {
    expect(pythonJson(parseJson(text), { ascii: true })).toBe(written);
  });

  it('writes jsonb parameters with all digits and refuses what jsonb cannot hold', () => {
    expect(jsonbText(parseJson('{"a":[1.0,12345678901234567890],"é":"\\n"}'))).toBe(
      '{"a":[1.0,12345678901234567890],"é":"\\n"}',
    );
    for (const text of ['[NaN]', '{"a":-Infinity}', '"\\u0000"', '{"\\u0000":1}', '["\\udc00"]', '1e400']) {
      expect(thrownCode(() => jsonbText(parseJson(text)))).toBe('unstorable_text');
    }
  });
});
