import fc from 'fast-check';
import { createLease, driftAllowance, parseLeaseRecord, type LeaseRecord } from '../../infra/connector/lease/lease.ts';
import { pullExpiryMs } from '../../infra/connector/lease/pull-expiry.ts';

/** What happens next to one of the connectors. */
const step = fc.record({
  connector: fc.nat(2),
  what: fc.constantFrom('look', 'look', 'write', 'write', 'arrive', 'arrive', 'answer', 'answer', 'give up', 'lose'),
  /** Time that passes before it: a freeze or a partition is a long one for somebody. */
  passesMs: fc.oneof({ weight: 5, arbitrary: fc.nat(400) }, { weight: 1, arbitrary: fc.nat(6_000) }),
});

const plan = fc.record({
  /** How fast each one's clock runs; the fastest is a tenth faster than the slowest at most. */
  rates: fc.tuple(...[0, 1, 2].map(() => fc.double({ min: 1, max: 1 + driftAllowance, noNaN: true }))),
  serverRate: fc.double({ min: 1, max: 1 + driftAllowance, noNaN: true }),
  ttls: fc.tuple(...[0, 1, 2].map(() => fc.constantFrom(1_000, 3_000, 5_000))),
});

interface Write {
  readonly connector: number;
  readonly sentMs: number;
  readonly revision: number;
  readonly record: LeaseRecord;
}

/**
 * Three connectors and the key that they write: whatever is late, lost or frozen, however their clocks run, no two of them may
 * read at a time (L1, L2), and no request of one waits at the server when another begins, unless it was late itself (L4).
 */
const simulate = (
  { rates, serverRate, ttls }: { rates: readonly number[]; serverRate: number; ttls: readonly number[] },
  steps: readonly { connector: number; what: string; passesMs: number }[],
): void => {
  const leases = ['a', 'b', 'c'].map(createLease);
  const clock = (connector: number): number => nowMs * rates[connector]!;
  /** Until when a request of each waits at the server, in true time. */
  const pullsUntilMs = [0, 0, 0];
  let nowMs = 1;
  let key: { readonly revision: number; readonly text: string | undefined } = { revision: 0, text: undefined };
  let onTheWay: Write[] = [];
  let answers: (Write & { readonly written: number | undefined })[] = [];

  const check = (): void => {
    const readers = leases.filter((lease, index) => lease.remainingMs(clock(index)) > 0);
    if (readers.length > 1) throw new Error('L1: two connectors read');
  };
  const pull = (connector: number): void => {
    const expiresMs = pullExpiryMs(leases[connector]!.remainingMs(clock(connector)));
    if (expiresMs > 0) pullsUntilMs[connector] = nowMs + expiresMs / serverRate;
  };
  const look = (connector: number): void =>
    leases[connector]!.see({ revision: key.revision, record: parseLeaseRecord(key.text) }, clock(connector));

  for (const { connector, what, passesMs } of steps) {
    nowMs += passesMs;
    check();
    const lease = leases[connector]!;
    const own = 'abc'[connector]!;
    pull(connector);
    if (what === 'look') look(connector);
    else if (what === 'write') {
      const next = lease.next(clock(connector));
      if (next.kind === 'wait') continue;
      const record = { holder: own, sinceMs: 0, ttlMs: ttls[connector]! };
      onTheWay.push({ connector, sentMs: clock(connector), revision: next.revision, record });
    } else if (what === 'give up') {
      const next = lease.next(clock(connector));
      if (next.kind !== 'renew') continue;
      lease.gaveUp(clock(connector));
      // It drains its request first.
      pullsUntilMs[connector] = 0;
      const record = { holder: undefined, sinceMs: 0, ttlMs: ttls[connector]! };
      onTheWay.push({ connector, sentMs: clock(connector), revision: next.revision, record });
    } else if (what === 'arrive') {
      const [write] = onTheWay.splice(0, 1);
      if (write === undefined) continue;
      const isTaken = write.revision === key.revision;
      if (isTaken) key = { revision: key.revision + 1, text: JSON.stringify(write.record) };
      answers.push({ ...write, written: isTaken ? key.revision : undefined });
    } else if (what === 'answer') {
      const [answer] = answers.splice(0, 1);
      if (answer === undefined) continue;
      const { written, record, sentMs } = answer;
      if (written === undefined || record.holder === undefined) {
        look(answer.connector);
        continue;
      }
      const of = leases[answer.connector]!;
      const begins = of.wrote({ revision: written, record: { ...record, holder: record.holder } }, sentMs);
      check();
      if (!begins || of.remainingMs(clock(answer.connector)) === 0) continue;
      const others = pullsUntilMs.filter((untilMs, index) => index !== answer.connector && untilMs > nowMs);
      if (others.length > 0) throw new Error('L4: a request of the one before waits at the server');
    } else {
      if (onTheWay.length > 0) onTheWay = onTheWay.slice(1);
      else answers = answers.slice(1);
    }
  }
};

/** Whatever the order of the steps. */
export const leaseProperty = fc.property(plan, fc.array(step, { minLength: 5, maxLength: 120 }), simulate);
