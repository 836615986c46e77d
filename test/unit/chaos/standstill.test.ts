import { describe, expect, it } from 'vitest';
import { standstillsOf, summariseStandstills } from '../../chaos/standstill.ts';

const kept = (acceptedMs: number, committedMs: number) => ({ acceptedMs, committedMs });
const kill = { name: 'kill', atEpochMs: 1_000, forMs: 0 };
const stillOf = (messages: readonly { acceptedMs: number; committedMs: number }[], fault = kill): readonly number[] =>
  standstillsOf(new Map([['key', messages]]), [fault]).map(({ stillMs }) => stillMs);

describe('how long a key stood still after a fault', () => {
  it('is the time from the fault to the next commit of what waited then', () => {
    expect(stillOf([kept(900, 910), kept(950, 5_000), kept(1_200, 5_001)])).toEqual([4_000]);
  });

  it('counts what begins within a second after it, and nothing that begins later', () => {
    expect(stillOf([kept(900, 910), kept(1_900, 3_000)])).toEqual([1_100]);
    expect(stillOf([kept(900, 910), kept(2_100, 9_000)])).toEqual([]);
  });

  it('is the longest one of a fault that lasts, each pause from the commit before it on', () => {
    const messages = [kept(1_100, 1_300), kept(1_110, 4_300), kept(1_120, 4_800)];
    expect(stillOf(messages, { ...kill, forMs: 3_000 })).toEqual([3_000]);
  });

  it('does not count the time in which nothing of the key waited', () => {
    expect(stillOf([kept(1_050, 1_060), kept(1_900, 1_950)])).toEqual([50]);
  });

  it('is told of each fault by its name: the middle, one in a hundred, the longest, the worst fault first', () => {
    const lengths = Array.from({ length: 200 }, (_, index) => ({ fault: 'many', key: `k${index}`, stillMs: index }));
    const rows = summariseStandstills([...lengths, { fault: 'one', key: 'k', stillMs: 7_000 }]);
    expect(rows).toEqual([
      { fault: 'one', keys: 1, p50Ms: 7_000, p99Ms: 7_000, mostMs: 7_000 },
      { fault: 'many', keys: 200, p50Ms: 99, p99Ms: 197, mostMs: 199 },
    ]);
  });
});
