import { closedBreaker, stepBreaker, type Breaker, type BreakerEvent, type BreakerLimits } from './circuit-breaker.ts';
import type { TriggerLimits } from '../../../shared/routing/routing.ts';
import type { LanePart } from './lane.ts';
import { createLanes, type Lanes } from './lanes.ts';
import type { WholeFailure } from './judge-failure.ts';
import { createPoisonSearch, type PoisonSearch, type RequestStart } from './poison-search.ts';
import type { DispatchCommand, DispatchConfig, DispatchMode } from './protocol.ts';

/**
 * What a request waits for:
 * - `checking_sound`: whether all of the function is there, before its one message is sent again; deaths of that one proved nothing so far.
 * - `awaiting_sound`: the time of the next such look.
 * - `posted`: the function's answer.
 * - `checking_gateway`: whether the function is there at all; a gateway has lost it several times with these messages.
 * - `awaiting_return`: the time of the next look whether a function that is away is back.
 * - `checking_return`: what that look says.
 * - `confirming`: whether the function works, before its failure counts against the one message of the request.
 */
export type RequestState =
  | 'checking_sound'
  | 'awaiting_sound'
  | 'posted'
  | 'checking_gateway'
  | 'awaiting_return'
  | 'checking_return'
  | 'confirming';

/** One request, from its start until its messages are judged. It takes up a slot for all that time. */
export interface RequestInFlight {
  readonly id: number;
  readonly parts: readonly LanePart[];
  readonly start: RequestStart;
  state: RequestState;
  /** Health checks in a row that were answered well before it was sent. */
  soundChecks: number;
  /** What it failed with; undefined while it is posted. */
  failure: WholeFailure | undefined;
  /** The next look whether the function is back, the pause before the one after it, and when to look no more. */
  pollAtMs: number;
  pollDelayMs: number;
  pollEndsAtMs: number;
}

/** All that dispatch knows. Only the functions of the core write to it. */
export interface DispatchState {
  readonly limits: TriggerLimits;
  readonly backoff: BreakerLimits;
  readonly lanes: Lanes;
  readonly search: PoisonSearch;
  readonly requests: Map<number, RequestInFlight>;
  mode: DispatchMode;
  /** Whether an operator has paused the function (C15). */
  isPaused: boolean;
  breaker: Breaker;
  /** Whether the breaker was closed when that was last told. */
  wasOpen: boolean;
  /** Answers that acknowledged something. */
  answers: number;
  /** Largest request body that the function has not refused as too large. */
  maxBatchBytes: number;
  lastSerial: number;
  lastRequestId: number;
  /** What the shell's timer is set to. */
  timerAtMs: number | undefined;
  isLookAsked: boolean;
  /** Whether this step has to look for requests to start. */
  isStartDue: boolean;
  randomState: number;
  /** What this step has said so far. */
  commands: DispatchCommand[];
}

export const createDispatchState = ({ limits, seed }: DispatchConfig): DispatchState => {
  const { backoffInitialMs: initialMs, backoffMaxMs: maxMs, maxConcurrentRequests: maxRequests } = limits;
  const backoff = { initialMs, maxMs, maxRequests };
  return {
    limits,
    backoff,
    lanes: createLanes(),
    search: createPoisonSearch(),
    requests: new Map(),
    mode: 'running',
    isPaused: false,
    breaker: closedBreaker(backoff),
    wasOpen: false,
    answers: 0,
    maxBatchBytes: limits.maxBatchBytes,
    lastSerial: 0,
    lastRequestId: 0,
    timerAtMs: undefined,
    isLookAsked: false,
    isStartDue: false,
    randomState: seed >>> 0,
    commands: [],
  };
};

export const emit = (state: DispatchState, command: DispatchCommand): void => void state.commands.push(command);

/** The next number 0 <= r < 1 of the sequence that the seed begins (mulberry32). */
export const nextRandom = (state: DispatchState): number => {
  state.randomState = (state.randomState + 0x6d2b79f5) >>> 0;
  let mixed = state.randomState;
  mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

/** Whether a request may be started. */
export const mayStart = ({ mode, isPaused }: DispatchState): boolean => mode === 'running' && !isPaused;

export const meetBreaker = (state: DispatchState, event: BreakerEvent, nowMs: number): void => {
  state.breaker = stepBreaker(state.breaker, event, { limits: state.backoff, nowMs, random: () => nextRandom(state) });
};

/** Asks for a `timer` at that time at the latest. */
export const scheduleAt = (state: DispatchState, atMs: number): void => {
  if (state.mode !== 'running' || (state.timerAtMs !== undefined && state.timerAtMs <= atMs)) return;
  state.timerAtMs = atMs;
  emit(state, { type: 'set_timer', atMs });
};
