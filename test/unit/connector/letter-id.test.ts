import { describe, expect, it } from 'vitest';
import { firstLetterId, letterIdText, nextLetterId } from '../../../infra/connector/settle/letter-id.ts';
import type { Denial } from '../../../shared/message/outgoing-message.ts';

/** The ids of the tries, each at its second, after what the server said of the one before. */
const idsAfter = (...said: readonly (readonly [second: number, said: Denial | undefined])[]): readonly string[] => {
  let id = firstLetterId;
  const ids = [letterIdText('dead/s/1', id)];
  for (const [second, denial] of said) {
    id = nextLetterId(id, denial, second * 1_000);
    ids.push(letterIdText('dead/s/1', id));
  }
  return ids;
};

describe('the id of a dead letter', () => {
  it('stays while the server says nothing: it may be stored', () => {
    expect(idsAfter([1, undefined], [90, undefined])).toEqual(['dead/s/1', 'dead/s/1', 'dead/s/1']);
  });

  it('is another one after each refusal: the server may remember the id of what it did not store', () => {
    expect(idsAfter([1, 'refused'], [2, 'refused'], [3, undefined])).toEqual([
      'dead/s/1',
      'dead/s/1/2',
      'dead/s/1/3',
      'dead/s/1/3',
    ]);
  });

  it('stays while an earlier copy may still be stored, and is another one after a minute', () => {
    expect(idsAfter([1, 'id_taken'], [30, undefined], [60, 'id_taken'])).toEqual([
      'dead/s/1',
      'dead/s/1',
      'dead/s/1',
      'dead/s/1',
    ]);
    expect(idsAfter([1, 'id_taken'], [61, 'id_taken'], [62, 'id_taken']).slice(1)).toEqual([
      'dead/s/1',
      'dead/s/1/2',
      'dead/s/1/2',
    ]);
  });

  it('has a minute of its own for each id', () => {
    const ids = idsAfter([1, 'id_taken'], [50, 'refused'], [51, 'id_taken'], [110, 'id_taken'], [111, 'id_taken']);
    expect(ids.slice(1)).toEqual(['dead/s/1', 'dead/s/1/2', 'dead/s/1/2', 'dead/s/1/2', 'dead/s/1/3']);
  });
});
