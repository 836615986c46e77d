import { describe, expect, it } from 'vitest';
import { createReconnectPace } from '../../../shared/nats/reconnect-pace.ts';

const waitMs = 250;

/** The client's own loop: a server is tried once the wait since its last try is over by the machine's clock. Returns when it was tried. */
const tries = (stepMs: number, forMs: number): readonly number[] => {
  let nowMs = 1_000;
  let offsetMs = 5_000_000;
  const epochMs = (): number => nowMs + offsetMs;
  const pace = createReconnectPace({ waitMs, jitterMs: 250, epochMs, monotonicMs: () => nowMs, random: () => 0.5 });
  let lastConnectMs = epochMs();
  pace();
  nowMs += 10_000;
  offsetMs += stepMs;
  const triedMs: number[] = [];
  for (const endMs = nowMs + forMs; nowMs < endMs;) {
    const wait = pace();
    if (lastConnectMs + wait <= epochMs()) {
      lastConnectMs = epochMs();
      triedMs.push(nowMs);
      // Refused at once.
      nowMs += 1;
    } else nowMs += Math.max(1, Math.min(wait, lastConnectMs + wait - epochMs()));
  }
  return triedMs;
};

describe('the pace of reconnections', () => {
  it.each([
    ['stands', 0],
    ['was set back by a millisecond', -1],
    ['was set back by a second', -1_000],
    ['was set back by two hours', -7_200_000],
    ['was set back by years', -1e11],
    ['was set ahead by an hour', 3_600_000],
  ])('is a few tries a second where the clock %s', (_what, stepMs) => {
    const times = tries(stepMs, 10_000);
    expect(times.length).toBeGreaterThan(15);
    expect(times.length).toBeLessThanOrEqual(41);
    const pauses = times.slice(1).map((time, at) => time - times[at]!);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(700);
  });
});
