import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../shared/json/json-value.ts';
import { cleanKey } from '../../../shared/state/clean-key.ts';
import { cleanRow } from '../../../shared/state/clean-row.ts';
import { remap } from '../../../shared/state/remap.ts';
import { fillTemplates } from '../../../shared/state/template.ts';
import { keyDefinition, rowOf } from '../../support/model-fixtures.ts';
import { thrownCode } from '../../support/thrown-code.ts';

const manyRuns = { numRuns: 10_000 };

const recorded = JSON.parse(
  readFileSync(new URL('../../contract/vectors/unicode-classes.json', import.meta.url), 'utf8'),
) as Record<'alnum_ranges' | 'space_ranges', [number, number][]>;
const inRanges = (ranges: [number, number][], codePoint: number): boolean =>
  ranges.some(([first, last]) => codePoint >= first && codePoint <= last);

const anyName = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.constantFrom('A', 'ß', 'İ', 'Σ', ' ', '.', '_', '-', '名', '\u0301', '😀', '\ud800', '²', 'Ⅳ'))
    .map((c) => c.join('')),
);

describe('a column name', () => {
  it('is made code point by code point by the recorded classes', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        let expected = '';
        for (const character of name) {
          const codePoint = character.codePointAt(0)!;
          if (character === '_' || inRanges(recorded.alnum_ranges, codePoint)) expected += character.toLowerCase();
          else if (character === '.' || inRanges(recorded.space_ranges, codePoint)) expected += '_';
        }
        expect(cleanKey(name)).toBe(expected);
      }),
      manyRuns,
    );
  });

  it('does not change when it is cleaned again, but for the mark that the dotted capital I leaves', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const once = cleanKey(name);
        expect(cleanKey(once)).toBe(once.replaceAll('\u0307', ''));
      }),
      manyRuns,
    );
  });

  it('is the same whether it was met before or not', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `Name ${index}`);
    const first = names.map(cleanKey);
    expect(names.map(cleanKey)).toEqual(first);
    expect(first[9_999]).toBe('name_9999');
  });

  it('stands at the place of the first of the keys that give it, with the value of the last', () => {
    expect([...cleanRow(rowOf('{"A B":1,"z":0,"a_b":2}'))]).toEqual([
      ['a_b', 2],
      ['z', 0],
    ]);
  });
});

describe('remap', () => {
  it('keeps every value whose name no other key takes', () => {
    const definitions = ['a', 'b', 'c'].map((name) => keyDefinition({ name, alias: `new_${name}` }));
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e')), (names) => {
        const row = new Map<string, JsonValue>(names.map((name) => [name, `value of ${name}`]));
        const expected = names.map((name) => ['abc'.includes(name) ? `new_${name}` : name, `value of ${name}`]);
        expect([...remap(row, definitions)]).toEqual(expected);
      }),
      manyRuns,
    );
  });

  it('refuses a present key without an alias, empty or null', () => {
    const row = rowOf('{"a":1}');
    expect(thrownCode(() => remap(row, [keyDefinition({ name: 'a' })]))).toBe('missing_remap_alias');
    expect(thrownCode(() => remap(row, [keyDefinition({ name: 'a', alias: '' })]))).toBe('missing_remap_alias');
    expect(thrownCode(() => remap(row, [keyDefinition({ name: 'b' })]))).toBeUndefined();
  });
});

describe('templates', () => {
  it('G-9: are filled in the order of their definitions, later ones with the results of earlier ones', () => {
    const row = rowOf('{"q":"[{r}]","r":"<{s}>","s":"x"}');
    const definitions = ['q', 'r'].map((name) => keyDefinition({ name }));
    expect(fillTemplates(row, definitions).get('q')).toBe('[<{s}>]');
    expect(fillTemplates(row, definitions.toReversed()).get('q')).toBe('[<x>]');
  });

  it('leave the entry itself as it was', () => {
    const row = rowOf('{"q":"{s}","s":"x"}');
    fillTemplates(row, [keyDefinition({ name: 'q' })]);
    expect(row.get('q')).toBe('{s}');
  });

  it('refuse an entry without the template', () => {
    expect(thrownCode(() => fillTemplates(new Map(), [keyDefinition({ name: 'q' })]))).toBe('missing_template_column');
  });
});
