import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../../infra/connector/backoff.ts';
import {
  breakerSlots,
  closedBreaker,
  stepBreaker,
  type BreakerEvent,
} from '../../../infra/connector/dispatch/circuit-breaker.ts';

const limits = { initialMs: 200, maxMs: 30_000 };
const noJitter = 0;

describe('back-off', () => {
  it('doubles up to its limit', () => {
    const delays = Array.from({ length: 10 }, (_, n) => backoffMs(limits, n + 1, noJitter));
    expect(delays).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
  });

  it('law: lies between half and all of the full delay, for any number of failures', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, r) => {
          const delay = backoffMs(limits, failures, r);
          const full = backoffMs(limits, failures, noJitter);
          expect(delay).toBeLessThanOrEqual(full);
          expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
        },
      ),
    );
  });
});

describe('the circuit breaker', () => {
  /** A breaker and the time; every step tells it the time first, as the core does. */
  const create = () => {
    const own = { ...limits, maxRequests: 8 };
    let breaker = closedBreaker(own);
    const meet = (event: BreakerEvent, nowMs: number): void => {
      breaker = stepBreaker(breaker, event, { limits: own, nowMs, random: () => noJitter });
    };
    const at = (nowMs: number, event: BreakerEvent): void => {
      meet({ type: 'tick' }, nowMs);
      meet(event, nowMs);
    };
    return {
      slots: (nowMs: number): number => {
        meet({ type: 'tick' }, nowMs);
        return breakerSlots(breaker);
      },
      get state() {
        return breaker.state;
      },
      get reopensAtMs() {
        return breaker.reopensAtMs;
      },
      succeeded: () => at(0, { type: 'succeeded' }),
      unavailable: (nowMs: number, retryAfterMs = 0) => at(nowMs, { type: 'unavailable', retryAfterMs }),
      overloaded: (nowMs: number, requestsInFlight: number) =>
        at(nowMs, { type: 'overloaded', retryAfterMs: 0, requestsInFlight }),
      faulted: (nowMs: number) => at(nowMs, { type: 'faulted' }),
      meet: at,
    };
  };

  it('opens when the function is away, lets one request try, and closes when that is answered', () => {
    const breaker = create();
    expect(breaker.slots(0)).toBe(8);
    breaker.unavailable(0);
    expect(breaker.slots(199)).toBe(0);
    expect(breaker.slots(200)).toBe(1);
    breaker.unavailable(200);
    expect(breaker.slots(599)).toBe(0);
    expect(breaker.slots(600)).toBe(1);
    breaker.succeeded();
    expect(breaker.slots(600)).toBe(8);
    expect(breaker.state).toBe('closed');
  });

  it('counts requests that fail together as one failure', () => {
    const breaker = create();
    for (let n = 0; n < 8; n += 1) breaker.unavailable(n);
    expect(breaker.reopensAtMs).toBe(200);
  });

  it('waits for as long as it is asked to, within its limit', () => {
    const breaker = create();
    breaker.unavailable(0, 5_000);
    expect(breaker.reopensAtMs).toBe(5_000);
    breaker.unavailable(10, 3_600_000);
    expect(breaker.reopensAtMs).toBe(30_010);
  });

  it('halves the requests of an overloaded function and gives them back one by one', () => {
    const breaker = create();
    breaker.overloaded(0, 8);
    breaker.succeeded();
    expect(breaker.slots(1)).toBe(5);
    breaker.overloaded(1, 1);
    breaker.succeeded();
    expect(breaker.slots(1_000)).toBe(2);
    for (let n = 0; n < 20; n += 1) breaker.succeeded();
    expect(breaker.slots(1_000)).toBe(8);
  });

  it('law: before it has passed what the function asked for, nothing but an answer lets a request through', () => {
    const retryAfterMs = fc.integer({ min: 0, max: 40_000 });
    const step = fc.oneof<fc.Arbitrary<BreakerEvent>[]>(
      fc.record({ type: fc.constant('unavailable'), retryAfterMs }),
      fc.record({ type: fc.constant('overloaded'), retryAfterMs, requestsInFlight: fc.integer({ min: 1, max: 8 }) }),
      fc.constantFrom({ type: 'faulted' }, { type: 'alive' }, { type: 'succeeded' }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.nat({ max: 5_000 })), { maxLength: 30 }), (steps) => {
        const breaker = create();
        let nowMs = 0;
        let askedUntilMs = 0;
        for (const [event, passedMs] of steps) {
          nowMs += passedMs;
          breaker.meet(nowMs, event);
          if ('retryAfterMs' in event) {
            askedUntilMs = Math.max(askedUntilMs, nowMs + Math.min(event.retryAfterMs, limits.maxMs));
          }
          if (event.type === 'succeeded') askedUntilMs = 0;
          if (nowMs < askedUntilMs) expect(breaker.slots(askedUntilMs - 1)).toBe(0);
        }
      }),
    );
  });

  it('stays closed over a few faults and opens after five in a row', () => {
    const breaker = create();
    for (let n = 0; n < 4; n += 1) breaker.faulted(0);
    expect(breaker.state).toBe('closed');
    breaker.succeeded();
    for (let n = 0; n < 4; n += 1) breaker.faulted(0);
    expect(breaker.state).toBe('closed');
    breaker.faulted(0);
    expect(breaker.state).toBe('open');
  });
});
