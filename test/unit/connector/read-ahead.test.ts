import { describe, expect, it } from 'vitest';
import { readAhead } from '../../../infra/connector/intake/read-ahead.ts';

/** A stream of these sequences, read one after the other; how many requests were under way at most. */
const readAll = async (sequences: readonly number[], bytes: number) => {
  const last = sequences.at(-1)!;
  let underWay = 0;
  let mostUnderWay = 0;
  let requests = 0;
  const read = readAhead(async (from: number) => {
    underWay += 1;
    requests += 1;
    mostUnderWay = Math.max(mostUnderWay, underWay);
    await new Promise(setImmediate);
    underWay -= 1;
    const sequence = sequences.find((each) => each >= from);
    return sequence === undefined ? undefined : { sequence, payload: new Uint8Array(bytes) };
  }, last);
  const found: number[] = [];
  for (let next = 1; next <= last;) {
    const message = await read(next);
    if (message === undefined) break;
    found.push(message.sequence);
    next = message.sequence + 1;
  }
  return { found, mostUnderWay, requests };
};
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('reading ahead in a stream', () => {
  it('reads every message once, dozens of small ones at a time', async () => {
    const { found, mostUnderWay, requests } = await readAll(upTo(3_000), 200);
    expect(found).toEqual(upTo(3_000));
    expect(requests).toBe(3_000);
    expect(mostUnderWay).toBeGreaterThan(32);
    expect(mostUnderWay).toBeLessThanOrEqual(64);
  });

  it('has no more than a few megabytes of large ones under way, once it has seen one', async () => {
    const { found, mostUnderWay } = await readAll(upTo(100), 1_000_000);
    expect(found).toEqual(upTo(100));
    expect(mostUnderWay).toBeLessThanOrEqual(4);
  });

  it('leaves no message out where others are gone', async () => {
    const kept = upTo(2_000).filter((sequence) => sequence % 7 === 0 || sequence % 500 < 100);
    expect((await readAll(kept, 200)).found).toEqual(kept);
  });
});
