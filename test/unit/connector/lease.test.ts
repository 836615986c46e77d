import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLease, parseLeaseRecord, type LeaseRecord } from '../../../infra/connector/lease/lease.ts';
import { ableMembers, shareLeases } from '../../../infra/connector/lease/share-leases.ts';

const ttlMs = 3_000;
const recordOf = (holder: string | undefined): LeaseRecord => ({ holder, sinceMs: 0, ttlMs });

describe('the lease of a durable, as one connector sees it', () => {
  it('is taken at once where nobody holds it, and counts from before it was written (L2)', () => {
    const lease = createLease('a');
    lease.see({ revision: 0, record: undefined }, 0);
    expect(lease.next(0)).toEqual({ kind: 'take', revision: 0 });
    expect(lease.wrote({ revision: 1, record: recordOf('a') }, 100)).toBe(true);
    expect([lease.remainingMs(100), lease.remainingMs(3_099), lease.remainingMs(3_100)]).toEqual([3_000, 1, 0]);
    expect(lease.isSuccessor).toBe(false);
  });

  it('of a silent holder is taken after its time and a tenth, counted from when its last word was seen (L2)', () => {
    const lease = createLease('b');
    lease.see({ revision: 7, record: recordOf('a') }, 1_000);
    // Seen again, it is no news.
    lease.see({ revision: 7, record: recordOf('a') }, 4_000);
    expect(lease.next(4_299)).toEqual({ kind: 'wait' });
    expect(lease.next(4_301)).toEqual({ kind: 'take', revision: 7 });
    lease.see({ revision: 8, record: recordOf('a') }, 4_300);
    expect(lease.next(7_599)).toEqual({ kind: 'wait' });
    lease.wrote({ revision: 9, record: recordOf('b') }, 7_600);
    expect(lease.isSuccessor).toBe(true);
  });

  it('that is over begins again without a new term if nobody took it meanwhile, and is lost if somebody did (L1)', () => {
    const lease = createLease('a');
    lease.wrote({ revision: 1, record: recordOf('a') }, 0);
    expect(lease.remainingMs(10_000)).toBe(0);
    expect(lease.next(10_000)).toEqual({ kind: 'renew', revision: 1 });
    expect(lease.wrote({ revision: 2, record: recordOf('a') }, 10_000)).toBe(false);
    lease.see({ revision: 3, record: recordOf('b') }, 10_100);
    expect([lease.remainingMs(10_100), lease.isOurs]).toEqual([0, false]);
  });

  it('is nothing where its key holds something else', () => {
    for (const text of [undefined, '', 'x', '[]', '{"holder":"a"}', '{"holder":"a","sinceMs":1,"ttlMs":-1}', 'null'])
      expect(parseLeaseRecord(text)).toBeUndefined();
    expect(parseLeaseRecord(JSON.stringify(recordOf('a')))).toEqual(recordOf('a'));
    expect(parseLeaseRecord(JSON.stringify(recordOf(undefined)))).toEqual(recordOf(undefined));
  });
});

describe('durables shared by connectors (L9)', () => {
  const table = fc
    .record({ durables: fc.integer({ min: 1, max: 8 }), members: fc.integer({ min: 1, max: 5 }), seed: fc.nat() })
    .map(({ durables, members, seed }) => {
      const names = Array.from({ length: members }, (_, index) => `m${index}`);
      const holders = new Map<string, string | undefined>();
      let state = seed;
      for (let index = 0; index < durables; index += 1) {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        holders.set(`d${index}`, names[state % (members + 1)]);
      }
      return { names, holders };
    });

  it('end up shared evenly, whoever holds them first, and stay so', () => {
    fc.assert(
      fc.property(table, ({ names, holders }) => {
        const shareOf = (own: string) => shareLeases({ own, members: names, holders });
        const step = (): boolean => {
          for (const name of names) {
            const { mayTake, gives } = shareOf(name);
            const free = [...holders].find(([, holder]) => holder === undefined)?.[0];
            if (free !== undefined && mayTake) holders.set(free, name);
            else if (gives !== undefined) holders.set(gives, undefined);
            else continue;
            return true;
          }
          return false;
        };
        let steps = 0;
        while (step()) expect((steps += 1)).toBeLessThan(200);
        const counts = names.map((name) => [...holders.values()].filter((holder) => holder === name).length);
        expect([...holders.values()]).not.toContain(undefined);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('are given up by who is cut off from the functions, and not taken by it, while somebody else reaches them (L10)', () => {
    const sights = [
      { name: 'cut', reachesFunctions: false },
      { name: 'other', reachesFunctions: true },
    ];
    const members = ableMembers(sights);
    expect(members).toEqual(['other']);
    const holders = new Map([
      ['d1', 'cut'],
      ['d2', 'cut'],
      ['d3', undefined],
    ]);
    expect(shareLeases({ own: 'cut', members, holders })).toEqual({ mayTake: false, gives: 'd2' });
    expect(shareLeases({ own: 'other', members, holders })).toEqual({ mayTake: true, gives: undefined });
  });

  it('stay where they are if nobody reaches the functions (L10)', () => {
    const members = ableMembers(['one', 'two'].map((name) => ({ name, reachesFunctions: false })));
    const holders = new Map([
      ['d1', 'one'],
      ['d2', 'two'],
    ]);
    expect(shareLeases({ own: 'one', members, holders }).gives).toBeUndefined();
  });
});
