import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floatCellText, floatRepr } from '../../../shared/json/float-repr.ts';
import { hasLoneSurrogate } from '../../../shared/json/lone-surrogate.ts';
import { JsonFloat, type JsonValue } from '../../../shared/json/json-value.ts';
import { parseJson } from '../../../shared/json/parse-json.ts';
import { arrayText } from '../../../shared/state/array-text.ts';
import { cellText } from '../../../shared/state/cell-text.ts';
import { pythonRepr, pythonStr } from '../../../shared/json/python-repr.ts';
import { keyText, keyValues, stateKey } from '../../../shared/state/state-key.ts';
import { isUnprintable } from '../../../shared/unicode/unicode-classes.ts';
import { anyText, floatValue, integerValue, jsonValue, scalarValue } from '../../support/json-arbitraries.ts';
import { keyDefinition, rowOf } from '../../support/model-fixtures.ts';
import { thrownCode } from '../../support/thrown-code.ts';

const manyRuns = { numRuns: 10_000 };
const finite = floatValue.map((value) => (value instanceof JsonFloat ? value.value : value)).filter(Number.isFinite);

/** Reads a Python text literal back, by the rules of the language. */
const readLiteral = (literal: string): string =>
  literal
    .slice(1, -1)
    .replaceAll(
      /\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|(.))/gs,
      (_, x: string, u: string, U: string, named: string) => {
        const hex = x ?? u ?? U;
        if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
        return { n: '\n', r: '\r', t: '\t' }[named] ?? named;
      },
    );

describe('the repr of a text', () => {
  it('reads back as the text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(readLiteral(pythonRepr(text))).toBe(text);
      }),
      manyRuns,
    );
  });

  it('holds printable characters only, and double quotes only if that spares an escape', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const repr = pythonRepr(text);
        expect(Array.from(repr).filter((character) => isUnprintable(character.codePointAt(0)!))).toEqual([]);
        expect(repr.startsWith('"')).toBe(text.includes("'") && !text.includes('"'));
        expect(repr.at(-1)).toBe(repr[0]);
      }),
      manyRuns,
    );
  });

  it.each([
    ["it's", `"it's"`],
    [`'"`, String.raw`'\'"'`],
    ['\u00a0\u200b\u00ad\u007f', String.raw`'\xa0\u200b\xad\x7f'`],
    ['\u{e0020}é\u0301', String.raw`'\U000e0020é` + "\u0301'"],
    ['\\\n\r\t\u0000', String.raw`'\\\n\r\t\x00'`],
  ])('of %j is as Python writes it', (text, repr) => {
    expect(pythonRepr(text)).toBe(repr);
  });
});

describe('the repr of a number', () => {
  it('of a float reads back as the float and always looks like one', () => {
    fc.assert(
      fc.property(finite, (value) => {
        const repr = floatRepr(value);
        expect(Object.is(Number(repr), value)).toBe(true);
        const magnitude = Math.abs(value);
        const fixed = magnitude === 0 || (magnitude >= 1e-4 && magnitude < 1e16);
        expect(repr).toMatch(fixed ? /^-?\d+\.\d+$/ : /^-?\d(?:\.\d*[1-9])?e[+-]\d{2,3}$/);
      }),
      manyRuns,
    );
  });

  it('of an integer is its digits', () => {
    fc.assert(
      fc.property(integerValue, (value) => {
        expect(pythonRepr(value)).toBe(BigInt(value).toString());
      }),
      manyRuns,
    );
  });
});

describe('keys', () => {
  it('of two values are the same only if the values are, types included', () => {
    const spelled = (value: JsonValue): string =>
      value instanceof JsonFloat
        ? `float ${floatRepr(value.value)}`
        : `${typeof value} ${Number.isInteger(value) ? 'int' : ''} ${pythonStr(value)}`;
    fc.assert(
      fc.property(scalarValue, scalarValue, (first, second) => {
        const text = (value: JsonValue): string => keyText(new Map([['k', value]]));
        expect(text(first) === text(second)).toBe(
          spelled(first) === spelled(second) || (first !== first && second !== second),
        );
      }),
      manyRuns,
    );
  });

  it('are UUIDs in lower case that depend on the text alone', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const key = stateKey(new Map([['k', value]]));
        expect(key).toMatch(/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/);
        expect(stateKey(new Map([['k', value]]))).toBe(key);
      }),
      manyRuns,
    );
  });

  it('follow the order of the definitions, not of the row (G-9)', () => {
    const row = rowOf('{"z":1,"a":2}');
    const definitions = ['a', 'z'].map((name) => keyDefinition({ name }));
    expect(keyText(keyValues(row, definitions))).toBe("[('a', 2), ('z', 1)]");
    expect(keyText(keyValues(row, definitions.toReversed()))).toBe("[('z', 1), ('a', 2)]");
  });

  it('refuse an absent required column and take a null one', () => {
    const definitions = [keyDefinition({ name: 'a', required: true })];
    expect(thrownCode(() => keyValues(rowOf('{"b":1}'), definitions))).toBe('missing_primary_key');
    expect(thrownCode(() => keyValues(rowOf('{"a":null}'), definitions))).toBeUndefined();
  });

  it('take texts into a template as they are, other values by their repr', () => {
    expect([pythonStr("it's"), pythonStr(parseJson('{"k":[1.0,true,null,"x"]}'))]).toEqual([
      "it's",
      "{'k': [1.0, True, None, 'x']}",
    ]);
  });
});

describe('a text cell', () => {
  it('of a float is plain decimal with the value of the float', () => {
    fc.assert(
      fc.property(finite, (value) => {
        const text = floatCellText(value);
        expect(text).toMatch(/^-?\d+(?:\.\d+)?$/);
        expect(Number(text)).toBe(value === 0 ? 0 : value);
        // NUMERIC keeps the digits of the repr: no more and no fewer than are needed.
        expect(text.replaceAll(/^-?0\.0*|^-|\.|(?<=[1-9.])0+$/g, '')).toBe(
          floatRepr(value)
            .replace(/e.*/, '')
            .replaceAll(/^-?0\.0*|^-|\.|(?<=[1-9.])0+$/g, ''),
        );
      }),
      manyRuns,
    );
  });

  it('of a text is the text, or the text is refused', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const storable = !text.includes('\0') && !/\p{Surrogate}/u.test(text);
        if (storable) expect(cellText(text, false)).toBe(text);
        else expect(thrownCode(() => cellText(text, false))).toBe('unstorable_text');
      }),
      manyRuns,
    );
  });

  it('of any value is a text that PostgreSQL can store, null, or refused with a code', () => {
    fc.assert(
      fc.property(jsonValue, fc.boolean(), (value, json) => {
        let text: string | null = null;
        const code = thrownCode(() => (text = cellText(value, json)));
        expect([undefined, 'unstorable_text']).toContain(code);
        if (code === undefined) expect(text === null).toBe(value === null);
        expect(text ?? '').not.toContain('\0');
        expect(hasLoneSurrogate(text ?? '')).toBe(false);
      }),
      manyRuns,
    );
  });

  it('of a list of texts is an array that reads back as the list', () => {
    const readArray = (text: string): readonly (string | null)[] =>
      [...text.slice(1, -1).matchAll(/(?:"((?:[^"\\]|\\.)*)"|([^,]*))(?:,|$)/gs)]
        .slice(0, -1)
        .map(([, quoted, bare]) =>
          quoted === undefined ? (bare === 'NULL' ? null : bare!) : quoted.replaceAll(/\\(.)/gs, '$1'),
        );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(anyText, fc.constantFrom('NULL', 'null', '', '{}', ' a'), fc.constant(null)), {
          minLength: 1,
        }),
        (list) => {
          expect(readArray(`${arrayText(list)!.slice(0, -1)},}`)).toEqual(list);
        },
      ),
      manyRuns,
    );
  });

  // What PostgreSQL 18 printed of the arrays that the reference's driver (psycopg2 2.9) writes for these lists.
  it.each([
    ['[]', '{}'],
    ['[[null],[null]]', '{{NULL},{NULL}}'],
    ['[[null],[1]]', '{{NULL},{1}}'],
    ['[[1,2],[3.5,4]]', '{{1,2},{3.5,4}}'],
    ['[[1],[NaN]]', '{{1},{NaN}}'],
    [
      '[1,NaN,1e16,1e15,123456789012345,0.0001,0.00001,-0.0,0.1]',
      '{1,NaN,1e+16,1e+15,123456789012345,0.0001,1e-05,0,0.1}',
    ],
    ['[Infinity,-Infinity]', '{Infinity,-Infinity}'],
    [
      '["NULL","null","a\\\\b","a\\"b","{x}","a,b"," a","\\t","\\u00a0",""]',
      '{"NULL","null","a\\\\b","a\\"b","{x}","a,b"," a","\t",\u00a0,""}',
    ],
    ['[true,null]', '{t,NULL}'],
    ['[1,2.5,12345678901234567890]', '{1,2.5,12345678901234567890}'],
    ['[1e16,1e-5,-0.0]', '{10000000000000000,0.00001,0.0}'],
    ['[[[[[[1]]]]]]', '{{{{{{1}}}}}}'],
    ['[[["a"],["b"]],[["c"],["d"]]]', '{{{a},{b}},{{c},{d}}}'],
  ])('of %s is %s', (list, text) => {
    expect(cellText(parseJson(list), false)).toBe(text);
  });

  it.each([
    '[[]]',
    '[[],[null]]',
    '[[],[1]]',
    '[null,[1]]',
    '[1,[2]]',
    '[1,"a"]',
    '[1,true]',
    '[[1],[true]]',
    '[[1,2],[3]]',
    '[{"a":1}]',
    '[[[[[[[1]]]]]]]',
  ])('of %s, which is no array, is JSON text', (list) => {
    expect(cellText(parseJson(list), false)).toBe(list.replaceAll(',', ', ').replaceAll(':', ': '));
  });

  it('G-27: of an object is JSON text, which takes even what a text may not hold', () => {
    expect(cellText(parseJson('{"a":{"é":"\\u0000\\ud800"}}'), false)).toBe('{"a": {"\\u00e9": "\\u0000\\ud800"}}');
  });
});
