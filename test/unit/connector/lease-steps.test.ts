import { describe, expect, it } from 'vitest';
import { createSoleReader } from '../../../infra/connector/intake/sole-reader.ts';
import { createLease, type LeaseRecord } from '../../../infra/connector/lease/lease.ts';
import { nextLeaseAction, termAfterWrite } from '../../../infra/connector/lease/next-action.ts';
import { mayBegin, unlimitedTenure } from '../../../infra/connector/lease/tenure.ts';
import { plannedStop } from '../../../infra/connector/planned-stop.ts';

const ttlMs = 3_000;
const recordOf = (holder: string | undefined): LeaseRecord => ({ holder, sinceMs: 0, ttlMs });

describe('what a connector does about a lease', () => {
  const ours = { mayTake: true, gives: undefined };
  const notOurs = { mayTake: false, gives: undefined };
  const situation = (lease: ReturnType<typeof createLease>, more: object = {}) => ({
    durable: 'd',
    lease,
    share: ours,
    hasTerm: false,
    writtenMs: Number.NEGATIVE_INFINITY,
    ttlMs,
    ...more,
  });
  const held = (by: string): ReturnType<typeof createLease> => {
    const lease = createLease('a');
    if (by === 'a') lease.wrote({ revision: 1, record: recordOf('a') }, 0);
    else lease.see({ revision: 1, record: recordOf(by) }, 0);
    return lease;
  };

  it('writes it again a third of its time after the last word, and at once if it is over (L8)', () => {
    const since = (writtenMs: number) => situation(held('a'), { hasTerm: true, writtenMs });
    expect(nextLeaseAction(since(0), 999)).toEqual({ kind: 'rest' });
    expect(nextLeaseAction(since(0), 1_000)).toEqual({ kind: 'write', revision: 1 });
    expect(nextLeaseAction(since(9_500), 10_000)).toEqual({ kind: 'write', revision: 1 });
  });

  it('gives it up if it is to, and it reads', () => {
    const share = { mayTake: false, gives: 'd' };
    expect(nextLeaseAction(situation(held('a'), { share, hasTerm: true }), 10)).toEqual({ kind: 'give_up' });
    expect(nextLeaseAction(situation(held('a'), { share }), 10)).toEqual({ kind: 'write', revision: 1 });
  });

  it('takes one of a silent holder, or a free one, if it is its turn, and after a moment if nobody else does (L9)', () => {
    expect(nextLeaseAction(situation(held('b')), 3_299)).toEqual({ kind: 'rest' });
    expect(nextLeaseAction(situation(held('b')), 3_301)).toEqual({ kind: 'write', revision: 1 });
    expect(nextLeaseAction(situation(held('b'), { share: notOurs }), 3_301)).toEqual({ kind: 'rest' });
    expect(nextLeaseAction(situation(held('b'), { share: notOurs }), 3_701)).toEqual({ kind: 'write', revision: 1 });
    const free = createLease('a');
    free.see({ revision: 4, record: recordOf(undefined) }, 0);
    expect(nextLeaseAction(situation(free), 0)).toEqual({ kind: 'write', revision: 4 });
    expect(nextLeaseAction(situation(free, { share: notOurs }), 0)).toEqual({ kind: 'look_who_is_there', revision: 4 });
    expect(nextLeaseAction(situation(free, { share: notOurs }), 1_500)).toEqual({ kind: 'write', revision: 4 });
  });

  it('begins a term if others may have read, else goes on with what it has (L8)', () => {
    const written = { begins: false, hasTerm: true, wasOver: false, isOver: false, isEnding: false };
    expect(termAfterWrite({ ...written, begins: true })).toBe('begin');
    expect(termAfterWrite({ ...written, hasTerm: false })).toBe('begin');
    expect(termAfterWrite({ ...written, wasOver: true })).toBe('resume');
    expect(termAfterWrite({ ...written, wasOver: true, isEnding: true })).toBe('wake');
    expect(termAfterWrite(written)).toBe('wake');
  });

  it('begins nothing after a word that comes so late that its time is over all the same (L3)', () => {
    const late = { begins: true, hasTerm: false, wasOver: true, isOver: true, isEnding: false };
    expect([termAfterWrite(late), termAfterWrite({ ...late, begins: false, hasTerm: true })]).toEqual(['rest', 'rest']);
  });

  it('begins nothing at the very end of it (L3)', () => {
    expect([mayBegin({ remainingMs: () => 1 }), mayBegin({ remainingMs: () => 0 })]).toEqual([true, false]);
  });

  it('at a planned stop gives it up after it has handed back what it has, and only then breaks anything off (L7)', () => {
    const order = (['drain', 'end_pulls', 'hand_back', 'give_up_lease', 'abort'] as const).map((step) =>
      plannedStop.indexOf(step),
    );
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });
});

describe('who reads after whom', () => {
  it('is known also if the answer to the word that took a lease was lost (L5)', () => {
    const lease = createLease('b');
    lease.see({ revision: 1, record: recordOf('a') }, 0);
    // Its write was heard, and it sees that only when it looks.
    lease.see({ revision: 2, record: recordOf('b') }, 5_000);
    expect(lease.wrote({ revision: 3, record: recordOf('b') }, 5_000)).toBe(false);
    expect(lease.isSuccessor).toBe(true);
  });

  it('is known also by one who gave a lease up, and nobody heard of it: it comes after itself (L5)', () => {
    const lease = createLease('a');
    lease.see({ revision: 0, record: undefined }, 0);
    lease.wrote({ revision: 1, record: recordOf('a') }, 0);
    expect(lease.isSuccessor).toBe(false);
    lease.gaveUp(10);
    lease.see({ revision: 1, record: recordOf('a') }, 1_000);
    expect(lease.isSuccessor).toBe(true);
  });
});

describe('whether nobody else reads', () => {
  const tenure = { isExclusive: true, isSuccessor: true, latePullMs: 3_300 };
  const sight = { delivered: 7, unsettled: 2, waiting: 0 };
  const asked = { ...sight, waiting: 1 };

  it('is known once a request of the one before us, which came late, is over (L6)', () => {
    const reader = createSoleReader(tenure);
    expect([reader.looked(asked, 0), reader.looked(asked, 3_299), reader.isAlone]).toEqual([
      'look_again',
      'look_again',
      false,
    ]);
    expect([reader.looked(sight, 3_299), reader.isAlone]).toEqual(['known', true]);
  });

  it('is not so if somebody asks for longer than any of us may: that one keeps no lease', () => {
    const reader = createSoleReader(tenure);
    reader.looked(asked, 0);
    expect([reader.looked(asked, 3_300), reader.isAlone]).toEqual(['another_reader', false]);
    expect([reader.looked(sight, 9_000), reader.isAlone]).toEqual(['known', false]);
  });

  it('is not known by the first of us that finds something unsettled, nor without a lease', () => {
    const first = createSoleReader({ ...tenure, isSuccessor: false });
    expect([first.looked(sight, 0), first.isAlone]).toEqual(['known', false]);
    const beginning = createSoleReader({ ...tenure, isSuccessor: false });
    expect([beginning.looked({ ...sight, unsettled: 0 }, 0), beginning.isAlone]).toEqual(['known', true]);
    const alone = createSoleReader(unlimitedTenure);
    expect([alone.looked(asked, 0), alone.isAlone]).toEqual(['known', false]);
  });

  it('is seen by the count of deliveries, at the next one or when the consumer says it twice (L6)', () => {
    const reader = createSoleReader(tenure);
    reader.looked(sight, 0);
    expect([reader.misses(8, 0), reader.misses(10, 0)]).toEqual([false, true]);
    reader.looked({ ...sight, delivered: 10 }, 0);
    // What it has just made may be on its way to us.
    expect([reader.counted(11, 0), reader.counted(11, 0)]).toEqual([false, true]);
    reader.looked({ ...sight, delivered: 11 }, 0);
    expect([reader.counted(12, 0), reader.misses(12, 0), reader.counted(12, 0)]).toEqual([false, false, false]);
  });

  it('does not come back by the late answer to what was written before it was given up (L4)', () => {
    const lease = createLease('a');
    lease.see({ revision: 1, record: recordOf('a') }, 0);
    lease.gaveUp(10);
    expect(lease.wrote({ revision: 2, record: recordOf('a') }, 5)).toBe(false);
    expect(lease.remainingMs(20)).toBe(0);
    expect(lease.wrote({ revision: 3, record: recordOf('a') }, 30)).toBe(true);
    expect(lease.remainingMs(40)).toBe(ttlMs - 10);
  });
});
