import { describe, expect, it } from 'vitest';
import { checkKills, checkLoops, checkWaits, longestWaits } from '../../chaos/check-processes.ts';

describe('what the suite says of the processes', () => {
  it('names one that was kept busy for longer than a health check waits', () => {
    const blocks = [
      { process: 'state-direct/index.js', blockedMs: 251.4 },
      { process: 'state-route/index.js', blockedMs: 250 },
    ];
    expect(checkLoops(blocks)).toEqual([
      { invariant: 'I6 bounded', text: 'one turn of the event loop of state-direct/index.js took 251 ms of work' },
    ]);
  });

  it('counts those that the kernel has killed', () => {
    expect(checkKills(0)).toEqual([]);
    expect(checkKills(2).map(({ text }) => text)).toEqual(['the kernel killed 2 processes for want of memory']);
  });

  it('names a message that waited for longer than faults explain', () => {
    const aftermathMs = 1_000;
    const fault = { atEpochMs: 10_000, forMs: 5_000 };
    const wait = (id: string, acceptedMs: number, committedMs: number) => ({ id, acceptedMs, committedMs });
    const waits = [
      wait('during a fault', 10_500, 15_900),
      wait('begun before it', 9_500, 16_400),
      wait('without any', 30_000, 31_000),
      wait('too long without any', 40_000, 41_001),
      wait('too long after it', 12_000, 17_100),
    ];
    expect(checkWaits(waits, [fault], aftermathMs).map(({ text }) => text)).toEqual([
      'too long without any waited 1 s, and no fault explains it',
      'too long after it waited 5 s, and no fault explains it',
    ]);
    expect(longestWaits(waits)).toEqual({ p99Ms: 6_900, mostMs: 6_900 });
  });
});
