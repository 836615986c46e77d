import { describe, expect, it } from 'vitest';
import { createAwaited } from '../../../infra/connector/intake/awaited.ts';
import { isSettled, searchUnsettled } from '../../../infra/connector/intake/unsettled-search.ts';

describe('what is in other hands (C3)', () => {
  const ackWaitMs = 10_000;

  it('is waited for through a whole ack wait more once it has got a new one, however late that was', () => {
    const awaited = createAwaited(ackWaitMs);
    awaited.add(7, 0);
    // Frozen from here on: what should have happened after 11 seconds happens after 24.
    expect(awaited.due(24_000, 'asking')).toEqual({ released: [], renewed: [7], handedBack: [] });
    expect(awaited.due(24_000 + ackWaitMs, 'asking')).toEqual({ released: [], renewed: [], handedBack: [] });
    expect(awaited.due(24_000 + ackWaitMs + 5_000, 'asking')).toEqual({ released: [7], renewed: [], handedBack: [] });
  });

  it('keeps its room free until its ack wait is over, and gets it before anything new', () => {
    const awaited = createAwaited(ackWaitMs);
    for (const sequence of [7, 8, 9]) awaited.add(sequence, 0);
    expect([awaited.reserved(0), awaited.reserved(ackWaitMs - 1), awaited.reserved(ackWaitMs)]).toEqual([3, 3, 0]);
    // Those that get a new ack wait come later, and need their room for as long.
    awaited.due(ackWaitMs + 1_000, 'asking');
    expect([awaited.reserved(ackWaitMs + 1_000), awaited.reserved(2 * ackWaitMs + 1_000)]).toEqual([3, 0]);
  });

  it('is waited for in all the time in which no server can be asked, but not for ever without room', () => {
    const away = createAwaited(ackWaitMs);
    away.add(7, 0);
    for (let atMs = 500; atMs <= 600_000; atMs += 500) expect(away.due(atMs, 'away').released).toEqual([]);
    const full = createAwaited(ackWaitMs);
    full.add(7, 0);
    let releasedAtMs = 0;
    for (let atMs = 500; atMs <= 600_000 && releasedAtMs === 0; atMs += 500) {
      if (full.due(atMs, 'full').released.length > 0) releasedAtMs = atMs;
    }
    // Four times two ack waits, a second and five.
    expect(releasedAtMs).toBe(104_000);
  });

  it('may take as much beyond the room as there was of it, once it was handed back, until all of it has come (C12)', () => {
    const awaited = createAwaited(ackWaitMs);
    awaited.add(6, 0);
    expect(awaited.beyond).toBe(0);
    for (const sequence of [7, 8, 9]) awaited.add(sequence, 0, true);
    awaited.release(7);
    expect(awaited.beyond).toBe(3);
    for (const sequence of [8, 9]) awaited.release(sequence);
    expect(awaited.beyond).toBe(0);
  });

  it('is not settled for a server that was killed and has forgotten the delivery', () => {
    const recovered = { deliveredSequence: 3, ackFloorSequence: 3, unsettled: 0 };
    expect(isSettled(recovered, 3)).toBe(true);
    expect(isSettled(recovered, 4)).toBe(false);
    expect(isSettled({ deliveredSequence: 9, ackFloorSequence: 3, unsettled: 2 }, 4)).toBe(false);
  });

  it('is looked for up to what we hold, if the server has forgotten that it delivered that', () => {
    const position = {
      deliveredSequence: 0,
      ackFloorSequence: 0,
      unsettled: 0,
      firstSequence: 1,
      lastSequence: 9,
      isWorkQueue: true,
      lastHeldSequence: 3,
    };
    const search = searchUnsettled(position, (sequence) => sequence === 3);
    expect(search.next()).toBe(1);
    // Number 1 is not there. It was never delivered as far as the server knows, so there is nothing to settle.
    expect(search.found(2)).toEqual({ gone: [], isElsewhere: true, mayBeUnsettled: true });
    expect(search.next()).toBeUndefined();
  });
});
