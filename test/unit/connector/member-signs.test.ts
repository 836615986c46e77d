import { describe, expect, it } from 'vitest';
import { createMemberSigns, memberWords } from '../../../infra/connector/lease/member-signs.ts';

const ttlMs = 3_000;
const beatMs = 1_000;

/** One connector that looks every second; the others write as the case says. Both may be frozen. */
const watch = (isFrozen: (key: string, nowMs: number) => boolean, forMs: number) => {
  const signs = createMemberSigns(ttlMs);
  const keys = ['b', 'c'];
  const revisions = new Map(keys.map((key) => [key, 0]));
  const reads: number[] = [];
  let nowMs = 0;
  for (; nowMs <= forMs; nowMs += beatMs) {
    for (const key of keys) if (!isFrozen(key, nowMs)) revisions.set(key, revisions.get(key)! + 1);
    if (isFrozen('own', nowMs)) continue;
    const due = signs.due(keys, nowMs);
    reads.push(due.length);
    for (const key of due) signs.saw(key, { revision: revisions.get(key)!, value: memberWords.present }, nowMs);
  }
  return { alive: signs.alive(nowMs).map(({ key }) => key), reads };
};

const between = (fromMs: number, toMs: number, nowMs: number): boolean => nowMs >= fromMs && nowMs < toMs;

describe('who is there', () => {
  it.each([
    ['nobody is frozen', () => false, ['b', 'c']],
    [
      'one was frozen and is back',
      (key: string, nowMs: number) => key === 'b' && between(10_000, 20_000, nowMs),
      ['b', 'c'],
    ],
    ['one is silent', (key: string, nowMs: number) => key === 'b' && nowMs >= 35_000, ['c']],
    ['we were frozen', (key: string, nowMs: number) => key === 'own' && between(28_000, 39_000, nowMs), ['b', 'c']],
    [
      'we were frozen, and one of them is still',
      (key: string, nowMs: number) =>
        (key === 'own' && between(28_000, 39_000, nowMs)) || (key === 'b' && nowMs > 27_000),
      ['c'],
    ],
  ])('is known although %s', (_what, isFrozen, alive) => {
    expect(watch(isFrozen, 40_000).alive).toEqual(alive);
  });

  it('is asked rarely of those that are silent, and never of those that went', () => {
    const { reads } = watch((key, nowMs) => key === 'b' && nowMs >= 10_000, 100_000);
    expect(reads.slice(20).filter((count) => count === 2).length).toBeLessThanOrEqual(Math.ceil(81 / 8));
    const signs = createMemberSigns(ttlMs);
    signs.due(['b'], 0);
    signs.saw('b', { revision: 1, value: memberWords.gone }, 0);
    for (let nowMs = 1_000; nowMs < 20_000; nowMs += 1_000) expect(signs.due(['b'], nowMs)).toEqual([]);
    expect(signs.alive(0)).toEqual([]);
  });

  it('names who is cut off from the functions', () => {
    const signs = createMemberSigns(ttlMs);
    signs.due(['b'], 0);
    signs.saw('b', { revision: 1, value: memberWords.cutOff }, 0);
    expect(signs.alive(0)).toEqual([{ key: 'b', value: memberWords.cutOff }]);
  });
});
