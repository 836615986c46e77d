import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchStored, type Match, type UnsettledRows } from '../../../shared/store/match-stored.ts';

const message = (id: string, ...rows: readonly string[]): UnsettledRows => ({ id, rows });
const found = (matches: readonly Match[]): Record<string, string> =>
  Object.fromEntries(matches.map((match) => [match.id, match.found]));

describe('matching unsettled messages with the last rows of their state', () => {
  const cases: readonly (readonly [
    name: string,
    messages: readonly UnsettledRows[],
    rows: readonly (string | null)[],
    expected: Readonly<Record<string, string>>,
  ])[] = [
    [
      'what was stored before a kill, and the rest',
      [message('1', 'a', 'b'), message('2', 'c'), message('3', 'd')],
      ['old', 'a', 'b', 'c'],
      { 1: 'stored', 2: 'stored', 3: 'not_stored' },
    ],
    [
      'a message that failed between two that were stored',
      [message('1', 'a'), message('2', 'b'), message('3', 'c')],
      ['a', 'c'],
      { 1: 'stored', 2: 'not_stored', 3: 'stored' },
    ],
    [
      'blocks in another order than the stream',
      [message('1', 'a'), message('2', 'b')],
      ['b', 'a'],
      { 1: 'stored', 2: 'ambiguous' },
    ],
    ['rows behind which others were written', [message('1', 'a')], ['a', 'new'], { 1: 'ambiguous' }],
    [
      'a content that stands there more often than messages have it',
      [message('1', 'a')],
      ['a', 'a'],
      { 1: 'ambiguous' },
    ],
    [
      'a content that stands there less often than messages have it',
      [message('1', 'a'), message('2', 'a')],
      ['a'],
      { 1: 'ambiguous', 2: 'ambiguous' },
    ],
    [
      'a content that stands there as often as messages have it',
      [message('1', 'a'), message('2', 'a')],
      ['old', 'a', 'a'],
      { 1: 'stored', 2: 'stored' },
    ],
    [
      'rows that two messages may have written',
      [message('1', 'x', 'y'), message('2', 'y')],
      ['x', 'y'],
      { 1: 'ambiguous', 2: 'ambiguous' },
    ],
    [
      'a block that is lost to one message casts doubt on all with the same rows',
      [message('1', 'x', 'z'), message('2', 'z'), message('3', 'z')],
      ['x', 'z', 'z'],
      { 1: 'ambiguous', 2: 'ambiguous', 3: 'ambiguous' },
    ],
    ['a row that the ledger gives to a message already', [message('1', 'a')], ['a', null], { 1: 'ambiguous' }],
    ['a block of which only a part is there', [message('1', 'a', 'b')], ['a'], { 1: 'not_stored' }],
    ['no rows at all', [message('1', 'a')], [], { 1: 'not_stored' }],
  ];
  it.each(cases)('%s', (_, messages, rows, expected) => {
    expect(found(matchStored(messages, { start: 7, rows }))).toEqual(expected);
  });

  it('says where the rows of a stored message begin', () => {
    const matches = matchStored([message('1', 'a', 'b'), message('2', 'c')], {
      start: 100,
      rows: ['old', 'a', 'b', 'c'],
    });
    expect(matches).toEqual([
      { id: '1', found: 'stored', startIndex: 101, rowCount: 2 },
      { id: '2', found: 'stored', startIndex: 103, rowCount: 1 },
    ]);
  });

  /** Settled rows, then those of some of the messages in their order. */
  const world = (rowText: fc.Arbitrary<string>, settledText: fc.Arbitrary<string>) =>
    fc.record({
      settled: fc.array(settledText, { maxLength: 5 }),
      messages: fc.array(
        fc.record({ rows: fc.array(rowText, { minLength: 1, maxLength: 3 }), isStored: fc.boolean() }),
        { maxLength: 6 },
      ),
    });
  const few = fc.constantFrom('x', 'y', 'z');
  const look = (given: {
    readonly settled: readonly string[];
    readonly messages: readonly { readonly rows: readonly string[]; readonly isStored: boolean }[];
  }) => {
    const messages = given.messages.map(({ rows }, at) => message(String(at), ...rows));
    const rows = [...given.settled, ...given.messages.flatMap((each) => (each.isStored ? each.rows : []))];
    return { messages, rows, matches: matchStored(messages, { start: 0, rows }) };
  };

  it('blocks of stored messages are their rows, fill the end, and come in the order of the stream', () => {
    fc.assert(
      fc.property(world(few, few), (given) => {
        const { messages, rows, matches } = look(given);
        let next: number | undefined;
        for (const [at, match] of matches.entries()) {
          if (match.found !== 'stored') continue;
          expect(rows.slice(match.startIndex, match.startIndex + match.rowCount)).toEqual(messages[at]!.rows);
          expect(match.startIndex).toBeGreaterThanOrEqual(next ?? 0);
          next = match.startIndex + match.rowCount;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is never wrong unless a settled message had the same rows, and says nothing else than it knows', () => {
    fc.assert(
      fc.property(world(few, fc.constant('settled')), (given) => {
        for (const [at, match] of look(given).matches.entries()) {
          if (match.found === 'ambiguous') continue;
          expect(match.found === 'stored').toBe(given.messages[at]!.isStored);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('decides every message if no two have a row in common', () => {
    fc.assert(
      fc.property(world(few, fc.constant('settled')), (given) => {
        const messages = given.messages.map((each, at) => ({ ...each, rows: each.rows.map((row) => `${at} ${row}`) }));
        const distinct = { ...given, messages };
        const expected = messages.map(({ isStored }) => (isStored ? 'stored' : 'not_stored'));
        expect(look(distinct).matches.map((match) => match.found)).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});
