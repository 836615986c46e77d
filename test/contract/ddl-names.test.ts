import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cleanKey } from '../../shared/state/clean-key.ts';
import { isAlphanumeric, isUnprintable, isWhitespace } from '../../shared/unicode/unicode-classes.ts';
import { readVectors } from '../support/vectors.ts';

describe('column names are as recorded', () => {
  it.each(readVectors<string, string>('ddl-names'))('$name', ({ input, expected }) => {
    expect(cleanKey(input)).toBe(expected);
  });
});

describe('character classes are those of Unicode 14.0 for every code point', () => {
  const recorded = JSON.parse(readFileSync(new URL('vectors/unicode-classes.json', import.meta.url), 'utf8')) as Record<
    'alnum_ranges' | 'space_ranges' | 'nonprintable_ranges',
    [number, number][]
  >;

  it.each([
    ['alphanumeric', isAlphanumeric, recorded.alnum_ranges],
    ['white space', isWhitespace, recorded.space_ranges],
    ['not printable', isUnprintable, recorded.nonprintable_ranges],
  ] as const)('%s', (_, contains, ranges) => {
    const expected = new Uint8Array(0x11_0000);
    for (const [first, last] of ranges) expected.fill(1, first, last + 1);
    const different: number[] = [];
    for (let codePoint = 0; codePoint < 0x11_0000; codePoint++) {
      if (contains(codePoint) !== (expected[codePoint] === 1)) different.push(codePoint);
    }
    expect(different).toEqual([]);
  });
});
