import { backoffMs, type BackoffLimits } from '../backoff.ts';

/**
 * How many requests a function may get at a time.
 * - `closed`: as many as are allowed.
 * - `open`: none until `reopensAtMs`; the function is away or has too much to do.
 * - `probing`: one, to see whether it is back.
 */
export type BreakerState = 'closed' | 'open' | 'probing';

export type BreakerEvent =
  /** A request was answered. */
  | { readonly type: 'succeeded' }
  /** The function cannot be reached, or said so: open at once, for at least what it asked for. */
  | { readonly type: 'unavailable'; readonly retryAfterMs: number }
  /** The function has too much to do: open, and half the requests from then on. */
  | { readonly type: 'overloaded'; readonly retryAfterMs: number; readonly requestsInFlight: number }
  /** A request failed in a way that may be its messages' fault: open after several in a row. */
  | { readonly type: 'faulted' }
  /** After such a request the function answered its health check: it is there, and need not be spared for long. */
  | { readonly type: 'alive' }
  /** Time has passed. */
  | { readonly type: 'tick' };

export interface Breaker {
  readonly state: BreakerState;
  /** Requests that may be in flight while it is closed. */
  readonly allowed: number;
  /** How often it opened since the last answer: each time for longer. */
  readonly failures: number;
  readonly faultsInRow: number;
  /** When an open one lets a request through to try. */
  readonly reopensAtMs: number;
  /** Until then the function itself asked for nothing. No health check makes that shorter. */
  readonly sparedUntilMs: number;
}

export interface BreakerLimits extends BackoffLimits {
  readonly maxRequests: number;
}

const faultsUntilOpen = 5;

export const closedBreaker = ({ maxRequests }: BreakerLimits): Breaker => ({
  state: 'closed',
  allowed: maxRequests,
  failures: 0,
  faultsInRow: 0,
  reopensAtMs: 0,
  sparedUntilMs: 0,
});

/** Requests that may be in flight now. */
export const breakerSlots = ({ state, allowed }: Breaker): number =>
  state === 'closed' ? allowed : state === 'probing' ? 1 : 0;

/** What an event is met with; `random` is a number 0 <= r < 1 for the jitter. */
interface Met {
  readonly limits: BreakerLimits;
  readonly nowMs: number;
  readonly random: () => number;
}
type Handler<E extends BreakerEvent['type']> = (
  breaker: Breaker,
  event: Extract<BreakerEvent, { type: E }>,
  met: Met,
) => Breaker;

const leastMsOf = (event: BreakerEvent, { limits }: Met): number =>
  'retryAfterMs' in event ? Math.min(event.retryAfterMs, limits.maxMs) : 0;

const reopen = (breaker: Breaker, event: BreakerEvent, met: Met): Breaker => {
  const failures = breaker.failures + 1;
  const reopensAtMs = met.nowMs + backoffMs(met.limits, failures, met.random());
  return stayOpen({ ...breaker, state: 'open', failures, reopensAtMs }, event, met);
};

/** Requests that were in flight together fail together: that is one failure. */
const stayOpen = (breaker: Breaker, event: BreakerEvent, met: Met): Breaker => {
  const sparedUntilMs = Math.max(breaker.sparedUntilMs, met.nowMs + leastMsOf(event, met));
  return { ...breaker, sparedUntilMs, reopensAtMs: Math.max(breaker.reopensAtMs, sparedUntilMs) };
};

/** The requests that an overload took away come back one by one. */
const close = (breaker: Breaker, _event: BreakerEvent, { limits }: Met): Breaker => ({
  state: 'closed',
  allowed: Math.min(limits.maxRequests, breaker.allowed + 1),
  failures: 0,
  faultsInRow: 0,
  reopensAtMs: 0,
  sparedUntilMs: 0,
});

const stay = (breaker: Breaker): Breaker => breaker;

/** With 200 ms at first: three seconds. A search for a poison message takes many tries, and its key stands still meanwhile. */
const mostFailuresAlive = 5;

const shorten = (breaker: Breaker, _event: BreakerEvent, { limits, nowMs, random }: Met): Breaker => {
  const failures = Math.min(breaker.failures, mostFailuresAlive);
  const reopensAtMs = Math.min(breaker.reopensAtMs, nowMs + backoffMs(limits, failures, random()));
  return { ...breaker, failures, reopensAtMs: Math.max(reopensAtMs, breaker.sparedUntilMs) };
};

/** The only way from one state of the breaker to another; infra/connector/README.md has it in words. */
const transitions: Readonly<Record<BreakerState, { readonly [E in BreakerEvent['type']]: Handler<E> }>> = {
  closed: {
    succeeded: close,
    unavailable: reopen,
    overloaded: (breaker, event, met) => reopen(halve(breaker, event), event, met),
    faulted: (breaker, event, met) =>
      breaker.faultsInRow + 1 >= faultsUntilOpen ? reopen(fault(breaker), event, met) : fault(breaker),
    alive: stay,
    tick: stay,
  },
  open: {
    succeeded: close,
    unavailable: stayOpen,
    overloaded: (breaker, event, met) => stayOpen(halve(breaker, event), event, met),
    faulted: (breaker, event, met) => stayOpen(fault(breaker), event, met),
    alive: shorten,
    tick: (breaker, _event, { nowMs }) => (nowMs >= breaker.reopensAtMs ? { ...breaker, state: 'probing' } : breaker),
  },
  probing: {
    succeeded: close,
    unavailable: reopen,
    overloaded: (breaker, event, met) => reopen(halve(breaker, event), event, met),
    faulted: (breaker, event, met) => reopen(fault(breaker), event, met),
    alive: stay,
    tick: stay,
  },
};

/** The breaker after the event. */
export const stepBreaker = (breaker: Breaker, event: BreakerEvent, met: Met): Breaker => {
  // The table has a handler of its own event for each; the compiler cannot follow the pair.
  const handle = transitions[breaker.state][event.type] as Handler<BreakerEvent['type']>;
  return handle(breaker, event, met);
};

const halve = (breaker: Breaker, { requestsInFlight }: Extract<BreakerEvent, { type: 'overloaded' }>): Breaker => ({
  ...breaker,
  allowed: Math.max(1, Math.floor(Math.min(breaker.allowed, requestsInFlight) / 2)),
});

const fault = (breaker: Breaker): Breaker => ({ ...breaker, faultsInRow: breaker.faultsInRow + 1 });
