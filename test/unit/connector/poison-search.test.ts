import { describe, expect, it } from 'vitest';
import {
  createPoisonSearch,
  killsNeeded,
  noteAnswered,
  noteFailed,
} from '../../../infra/connector/dispatch/poison-search.ts';
import { queuedMessage } from '../../support/received-message.ts';

describe('how many failures in a row blame a message', () => {
  const suspect = queuedMessage(1);
  const other = queuedMessage(2);

  it.each<[string, readonly boolean[], number]>([
    ['the least where nobody else was asked', [], 3],
    ['the least where others do not fail', [false, false, false], 3],
    [
      'so many that chance is no explanation where some others fail',
      [true, false, false, false, false, false, false, false, false, false],
      6,
    ],
    ['the most where half of the others fail', [true, false], 20],
    ['the most where all others fail', [true, true], 20],
  ])('is %s', (_name, failures, expected) => {
    const search = createPoisonSearch();
    for (const hasFailed of failures) {
      if (hasFailed) noteFailed(search, [other]);
      else noteAnswered(search);
    }
    for (let n = 0; n < 5; n += 1) noteFailed(search, [suspect, other]);
    expect(killsNeeded(search, suspect, 3)).toBe(expected);
  });

  it('forgets what is long ago', () => {
    const search = createPoisonSearch();
    for (let n = 0; n < 10; n += 1) noteFailed(search, [other]);
    for (let n = 0; n < 32; n += 1) noteAnswered(search);
    expect(killsNeeded(search, suspect, 3)).toBe(3);
  });
});
