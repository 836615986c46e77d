import { describe, expect, it } from 'vitest';
import { isServerKey } from '../../../shared/postgres/cancel-request.ts';

describe('a key to cancel statements', () => {
  it.each([
    ['a backend of a server', 4_711, true],
    ['the last process id of Linux', 4_194_304, true],
    ['no process', 0, false],
    ['random bits of a pooler', 4_194_305, false],
    ['random bits of a pooler with the sign set', -1_234_567, false],
  ])('of %s (%i) is a server’s own: %s', (_whose, processId, expected) => {
    expect(isServerKey({ processId, secretKey: 1 })).toBe(expected);
  });
});
