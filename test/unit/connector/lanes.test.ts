import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LanePart } from '../../../infra/connector/dispatch/lane.ts';
import { createLanes, type Lanes, type TakeLimits } from '../../../infra/connector/dispatch/lanes.ts';
import { queuedMessage } from '../../support/received-message.ts';

const wide: TakeLimits = { maxMessages: 500, maxBytes: 1_000_000, lingerMs: 0, freeSlots: 8 };

const take = (lanes: Lanes, limits: Partial<TakeLimits> = {}, nowMs = 1_000): readonly LanePart[] => {
  const taken = lanes.take({ ...wide, ...limits }, nowMs);
  return taken !== undefined && 'parts' in taken ? taken.parts : [];
};
const sequences = (parts: readonly LanePart[]): number[][] =>
  parts.map(({ messages }) => messages.map(({ message }) => message.sequence));

describe('lanes', () => {
  it('give each key its own request while there are free requests for all', () => {
    const lanes = createLanes();
    for (let n = 1; n <= 6; n += 1) lanes.add(`k${n % 2}`, queuedMessage(n), 0);
    expect(sequences(take(lanes))).toEqual([[1, 3, 5]]);
    expect(sequences(take(lanes, { freeSlots: 7 }))).toEqual([[2, 4, 6]]);
    expect(take(lanes)).toEqual([]);
  });

  it('share requests among keys once there are more keys than free requests', () => {
    const lanes = createLanes();
    for (let n = 0; n < 640; n += 1) lanes.add(`k${n % 64}`, queuedMessage(n), 0);
    const sizes: number[] = [];
    for (let freeSlots = 8; freeSlots > 0; freeSlots -= 1) {
      sizes.push(take(lanes, { freeSlots }).flatMap(({ messages }) => messages).length);
    }
    expect(sizes).toEqual(Array.from({ length: 8 }, () => 80));
  });

  it('never send two messages of one id together, of one key or of two', () => {
    const lanes = createLanes();
    const add = (key: string, sequence: number, id: string): void => lanes.add(key, queuedMessage(sequence, { id }), 0);
    add('k1', 1, 'a');
    add('k1', 2, 'b');
    add('k1', 3, 'a');
    add('k1', 4, 'c');
    add('k2', 5, 'b');
    const first = take(lanes, { freeSlots: 1 });
    expect(sequences(first)).toEqual([[1, 2]]);
    expect(sequences(take(lanes, { freeSlots: 1 }))).toEqual([[5]]);
    for (const { messages } of first) for (const message of messages) message.isSettled = true;
    lanes.complete(first, 1_000);
    expect(sequences(take(lanes))).toEqual([[3, 4]]);
  });

  it('cut a request by messages and by bytes, but never below one message', () => {
    const lanes = createLanes();
    for (let n = 1; n <= 5; n += 1) lanes.add('k', queuedMessage(n, { bodyBytes: 400 }), 0);
    const first = take(lanes, { maxBytes: 1_000 });
    expect(sequences(first)).toEqual([[1, 2]]);
    for (const { messages } of first) for (const message of messages) message.isSettled = true;
    lanes.complete(first, 1_000);
    const second = take(lanes, { maxBytes: 100 });
    expect(sequences(second)).toEqual([[3]]);
    lanes.complete(second, 1_000);
    expect(sequences(take(lanes, { maxMessages: 2 }))).toEqual([[3, 4]]);
  });

  it('let a request that could grow wait for the linger, and a full one go at once', () => {
    const lanes = createLanes();
    lanes.add('k', queuedMessage(1, { receivedMs: 1_000 }), 1_000);
    expect(lanes.take({ ...wide, lingerMs: 5 }, 1_002)).toEqual({ waitMs: 3 });
    expect(sequences(take(lanes, { lingerMs: 5, maxMessages: 1 }, 1_002))).toEqual([[1]]);
  });

  it('keep what was not settled at the head, and pause its key only', () => {
    const lanes = createLanes();
    for (let n = 1; n <= 3; n += 1) lanes.add('k', queuedMessage(n), 0);
    lanes.add('other', queuedMessage(9), 0);
    const parts = take(lanes);
    parts[0]!.messages[0]!.isSettled = true;
    parts[0]!.lane.notBeforeMs = 2_000;
    lanes.complete(parts, 1_000);
    lanes.add('k', queuedMessage(4), 1_000);
    expect(sequences(take(lanes))).toEqual([[9]]);
    expect(lanes.wake(1_500)).toBe(2_000);
    expect(take(lanes)).toEqual([]);
    expect(lanes.wake(2_000)).toBeUndefined();
    expect(sequences(take(lanes, {}, 2_000))).toEqual([[2, 3, 4]]);
  });

  it('put an earlier message that comes late before the later ones, but not into a request under way', () => {
    const lanes = createLanes();
    for (const n of [3, 5]) lanes.add('k', queuedMessage(n), 0);
    const parts = take(lanes, { maxMessages: 1 });
    expect(sequences(parts)).toEqual([[3]]);
    lanes.add('k', queuedMessage(2), 0);
    lanes.complete(parts, 1_000);
    expect(sequences(take(lanes))).toEqual([[3, 2, 5]]);
  });

  it('hold a key back while an earlier message of it is in other hands', () => {
    const lanes = createLanes();
    lanes.block('k', 4, 0);
    lanes.add('k', queuedMessage(3), 0);
    expect(sequences(take(lanes))).toEqual([[3]]);
    lanes.add('held', queuedMessage(8), 0);
    lanes.block('held', 7, 0);
    expect(take(lanes)).toEqual([]);
    lanes.unblock('held', 7, 0);
    expect(sequences(take(lanes))).toEqual([[8]]);
  });

  it('end a request before the place of a message that is in other hands', () => {
    const lanes = createLanes();
    for (const sequence of [3, 4, 5]) lanes.block('k', sequence, 0);
    for (const sequence of [6, 7]) lanes.add('k', queuedMessage(sequence), 0);
    expect(take(lanes)).toEqual([]);
    lanes.unblock('k', 3, 0);
    lanes.add('k', queuedMessage(3), 0);
    const first = take(lanes);
    expect(sequences(first)).toEqual([[3]]);
    first[0]!.messages[0]!.isSettled = true;
    lanes.complete(first, 1_000);
    expect(take(lanes)).toEqual([]);
    lanes.unblock('k', 5, 0);
    lanes.unblock('k', 4, 0);
    expect(sequences(take(lanes))).toEqual([[6, 7]]);
  });

  it('send a key that is searched for a poison message alone, and in the size that the search asks for', () => {
    const lanes = createLanes();
    for (let n = 1; n <= 4; n += 1) lanes.add('bad', queuedMessage(n), 0);
    const failed = take(lanes);
    failed[0]!.lane.search = { left: 4, size: 2 };
    lanes.complete(failed, 1_000);
    for (let n = 11; n <= 14; n += 1) lanes.add(`k${n}`, queuedMessage(n), 0);
    expect(sequences(take(lanes, { freeSlots: 1 }))).toEqual([[1, 2]]);
    expect(sequences(take(lanes, { freeSlots: 1 }))).toEqual([[11], [12], [13], [14]]);
  });

  it('law: every message is taken exactly once, in order per key, one request per key at a time', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key: fc.integer({ min: 0, max: 4 }) }),
      fc.record({
        do: fc.constant('take' as const),
        slots: fc.integer({ min: 1, max: 4 }),
        most: fc.integer({ min: 1, max: 6 }),
      }),
      fc.record({ do: fc.constant('complete' as const), pick: fc.nat(), keep: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const lanes = createLanes();
        const underWay: (readonly LanePart[])[] = [];
        const settled = new Map<string, number[]>();
        let sequence = 0;
        let open = 0;
        const complete = (parts: readonly LanePart[], keep: number): void => {
          for (const { lane, messages } of parts) {
            // A function settles the first ones and has the rest of a key retried.
            const done = messages.slice(0, Math.max(0, messages.length - keep));
            for (const message of done) {
              message.isSettled = true;
              open -= 1;
              settled.set(lane.key, [...(settled.get(lane.key) ?? []), message.message.sequence]);
            }
          }
          lanes.complete(parts, 0);
        };
        const takeOne = (slots: number, most: number): boolean => {
          const parts = take(lanes, { freeSlots: slots, maxMessages: most }, 0);
          if (parts.length === 0) return false;
          const busy = new Set(underWay.flat().map(({ lane }) => lane.key));
          for (const { lane } of parts) expect(busy.has(lane.key)).toBe(false);
          expect(parts.flatMap(({ messages }) => messages).length).toBeLessThanOrEqual(most);
          underWay.push(parts);
          return true;
        };
        for (const each of steps) {
          if (each.do === 'add') {
            sequence += 1;
            open += 1;
            lanes.add(`k${each.key}`, queuedMessage(sequence), 0);
          } else if (each.do === 'take') takeOne(each.slots, each.most);
          else if (underWay.length > 0) complete(underWay.splice(each.pick % underWay.length, 1)[0]!, each.keep);
        }
        while (underWay.length > 0 || takeOne(8, 500)) complete(underWay.shift()!, 0);
        expect(open).toBe(0);
        expect(lanes.size).toBe(0);
        expect(lanes.readyMessages).toBe(0);
        expect(lanes.heldMessages).toBe(0);
        const all = [...settled.values()].flat();
        expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: sequence }, (_, n) => n + 1));
        for (const own of settled.values()) expect(own).toEqual(own.toSorted((a, b) => a - b));
      }),
      { numRuns: 300 },
    );
  });
});
