import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { binaryTextArray } from '../../../shared/postgres/array-literal.ts';
import { startTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase({ migrated: false });
});
afterAll(() => database.stop());

const throughServer = async (values: readonly (string | null)[]): Promise<readonly (string | null)[]> => {
  const rows = await database.pool.query<{ v: string | null }>(
    'select v from unnest($1::text[]) with ordinality u (v, n) order by n',
    [binaryTextArray([values])],
  );
  return rows.map(({ v }) => v);
};

describe('a binary text array', () => {
  it('brings every text to the server as it is, whatever takes more than one byte', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 }).map((value) => value.replaceAll('\0', ''));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(text), { maxLength: 40 }), async (values) => {
        expect(await throughServer(values)).toEqual(values);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['no element', []],
    ['one null', [null]],
    ['an empty text', ['']],
    ['what a literal would have to quote', ['NULL', '{}', 'a,b', 'say "x"', '\\', ' ']],
    ['texts of three bytes a character only', Array.from({ length: 300 }, (_, index) => '漢字'.repeat(index))],
    ['a long text after many short ones', [...Array.from({ length: 50 }, () => 'é'), '🙂'.repeat(10_000), 'z']],
  ])('takes %s', async (_name, values: readonly (string | null)[]) => {
    expect(await throughServer(values)).toEqual(values);
  });

  it('makes U+FFFD of a lone surrogate', async () => {
    expect(await throughServer(['a\ud800b'])).toEqual(['a\ufffdb']);
  });
});
