import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHeldBack, type Hold, type LaneName } from '../../../infra/connector/intake/held-back.ts';

const laneOf = (key: string): LaneName => ({ functionName: 'f', key });

/** What a dispatch knows: the sequences that each lane waits for. */
const createLanes = () => {
  const blockers = new Map<string, Set<number>>();
  return {
    hold: (holds: readonly Hold[]): void => {
      for (const { type, lane, sequence } of holds) {
        const of = blockers.get(lane.key) ?? new Set();
        blockers.set(lane.key, of);
        if (type === 'key_blocked') of.add(sequence);
        else of.delete(sequence);
      }
    },
    /** Whether the message may be sent now. */
    isFree: (key: string, sequence: number): boolean =>
      [...(blockers.get(key) ?? [])].every((blocker) => blocker > sequence),
    blocked: (): number => [...blockers.values()].reduce((sum, { size }) => sum + size, 0),
  };
};

describe('what is held back', () => {
  it('waits for nothing while messages that nobody has read come in the order of the stream', () => {
    const heldBack = createHeldBack();
    for (let sequence = 1; sequence <= 5_000; sequence += 1) heldBack.addUnread(sequence);
    for (let sequence = 1; sequence <= 5_000; sequence += 1) {
      expect(heldBack.over(sequence)).toEqual([]);
      expect(heldBack.met(laneOf(String(sequence % 7)), sequence)).toEqual([]);
      expect(heldBack.isUnread(sequence)).toBe(false);
    }
  });

  it('is every lane with a later message, until the first unread one has come', () => {
    const heldBack = createHeldBack();
    heldBack.addUnread(3);
    heldBack.addUnread(5);
    expect(heldBack.met(laneOf('a'), 2)).toEqual([]);
    expect(heldBack.met(laneOf('a'), 4)).toEqual([{ type: 'key_blocked', lane: laneOf('a'), sequence: 3 }]);
    expect(heldBack.met(laneOf('b'), 6)).toEqual([{ type: 'key_blocked', lane: laneOf('b'), sequence: 3 }]);
    expect(heldBack.sought()).toEqual([3, 5]);
    expect(heldBack.over(3)).toEqual([
      { type: 'key_unblocked', lane: laneOf('a'), sequence: 3 },
      { type: 'key_blocked', lane: laneOf('b'), sequence: 5 },
      { type: 'key_unblocked', lane: laneOf('b'), sequence: 3 },
    ]);
    expect(heldBack.over(5)).toEqual([{ type: 'key_unblocked', lane: laneOf('b'), sequence: 5 }]);
    expect(heldBack.sought()).toEqual([]);
  });

  it('is the own lane of a message once that was read, and no other', () => {
    const heldBack = createHeldBack();
    heldBack.addUnread(3);
    heldBack.met(laneOf('a'), 4);
    heldBack.met(laneOf('b'), 5);
    expect(heldBack.read([{ sequence: 3, lane: laneOf('a') }])).toEqual([
      { type: 'key_blocked', lane: laneOf('a'), sequence: 3 },
      { type: 'key_unblocked', lane: laneOf('b'), sequence: 3 },
    ]);
    expect(heldBack.over(3)).toEqual([{ type: 'key_unblocked', lane: laneOf('a'), sequence: 3 }]);
  });

  it('never lets a message pass an earlier one of its key, whatever comes when, and in the end nothing (C3)', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const step = fc.record({
      what: fc.constantFrom('come', 'come', 'come', 'settle', 'read', 'new'),
      choice: fc.nat(),
    });
    const run = (keys: readonly string[], steps: readonly { what: string; choice: number }[]): void => {
      const heldBack = createHeldBack();
      const lanes = createLanes();
      const away = new Set(keys.map((_key, at) => at + 1));
      for (const sequence of away) heldBack.addUnread(sequence);
      const here: { key: string; sequence: number }[] = [];
      let newest = keys.length;
      const keyAt = (sequence: number): string => keys[(sequence - 1) % keys.length]!;
      const come = (sequence: number): void => {
        away.delete(sequence);
        lanes.hold(heldBack.over(sequence));
        lanes.hold(heldBack.met(laneOf(keyAt(sequence)), sequence));
        here.push({ key: keyAt(sequence), sequence });
      };
      const end = (sequence: number): void => {
        away.delete(sequence);
        lanes.hold(heldBack.over(sequence));
      };
      const acts: Readonly<Record<string, (choice: number) => void>> = {
        come: (choice) => {
          if (away.size > 0) come([...away][choice % away.size]!);
        },
        settle: (choice) => {
          if (away.size > 0) end([...away][choice % away.size]!);
        },
        read: (choice) => {
          const found = [...away].slice(0, 1 + (choice % 4)).filter((sequence) => heldBack.isUnread(sequence));
          lanes.hold(heldBack.read(found.map((sequence) => ({ sequence, lane: laneOf(keyAt(sequence)) }))));
        },
        new: () => come((newest += 1)),
      };
      for (const { what, choice } of steps) {
        acts[what]!(choice);
        for (const message of here) {
          const isOvertaking = [...away].some(
            (sequence) => sequence < message.sequence && keyAt(sequence) === message.key,
          );
          if (isOvertaking) expect(lanes.isFree(message.key, message.sequence)).toBe(false);
        }
      }
      for (const sequence of away) end(sequence);
      expect(lanes.blocked()).toBe(0);
      expect(heldBack.sought()).toEqual([]);
    };
    fc.assert(fc.property(fc.array(key, { minLength: 1, maxLength: 12 }), fc.array(step, { maxLength: 40 }), run), {
      numRuns: 3_000,
    });
  });
});
