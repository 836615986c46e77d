import { describe, expect, it } from 'vitest';
import { createFailureRate } from '../../../infra/connector/failure-rate.ts';
import { heldMessage } from '../../support/held-message.ts';

describe('how many failures in a row blame a message', () => {
  const suspect = heldMessage(1);
  const other = heldMessage(2);

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
    const rate = createFailureRate();
    for (const hasFailed of failures) {
      if (hasFailed) rate.failed([other]);
      else rate.succeeded();
    }
    for (let n = 0; n < 5; n += 1) rate.failed([suspect, other]);
    expect(rate.killsNeeded(suspect, 3)).toBe(expected);
  });

  it('forgets what is long ago', () => {
    const rate = createFailureRate();
    for (let n = 0; n < 10; n += 1) rate.failed([other]);
    for (let n = 0; n < 32; n += 1) rate.succeeded();
    expect(rate.killsNeeded(suspect, 3)).toBe(3);
  });
});
