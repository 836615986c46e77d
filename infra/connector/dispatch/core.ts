import { breakerSlots } from './circuit-breaker.ts';
import { createDispatchState, emit, mayStart, meetBreaker, scheduleAt, type DispatchState } from './dispatch-state.ts';
import { searchSlots } from './poison-search.ts';
import type { DispatchCommand, DispatchConfig, DispatchEvent, DispatchMode, DispatchView } from './protocol.ts';
import { untried } from './queued-message.ts';
import { startRequest, stepRequest } from './requests.ts';

/** The whole of what decides when a function gets which messages, and what becomes of them. */
export interface Dispatch {
  /**
   * Takes one event and returns what is to be done, in that order. It does nothing else: no I/O, no timer, no clock, and no
   * randomness but the seed's, so the same events at the same times always lead to the same commands.
   * @param nowMs a clock that never goes back
   */
  step(event: DispatchEvent, nowMs: number): readonly DispatchCommand[];
  readonly view: DispatchView;
}

export const createDispatch = (config: DispatchConfig): Dispatch => {
  const state = createDispatchState(config);
  return {
    step: (event, nowMs) => step(state, event, nowMs),
    view: {
      get isOpen() {
        return state.breaker.state !== 'closed' || state.isPaused;
      },
      get requestsInFlight() {
        return state.requests.size;
      },
      get heldMessages() {
        return state.lanes.heldMessages;
      },
      get lanes() {
        return state.lanes.size;
      },
      get mode() {
        return state.mode;
      },
    },
  };
};

type Handler<E extends DispatchEvent['type']> = (
  state: DispatchState,
  event: Extract<DispatchEvent, { type: E }>,
  nowMs: number,
) => void;

const onReceived: Handler<'message_received'> = (state, { key, message, maxDeliver }, nowMs) => {
  const serial = (state.lastSerial += 1);
  const { deliveryCount } = message;
  state.lanes.add(key, { message, serial, deliveryCount, maxDeliver, tries: untried, isSettled: false }, nowMs);
  // One look per burst: messages that arrive together are taken together.
  if (state.requests.size === 0 || state.lanes.readyMessages >= state.limits.maxBatchMessages) lookSoon(state);
  else scheduleAt(state, nowMs + state.limits.lingerMs);
};

const lookSoon = (state: DispatchState): void => {
  if (state.isLookAsked || !mayStart(state)) return;
  state.isLookAsked = true;
  emit(state, { type: 'look_soon' });
};

const onRedelivered: Handler<'message_redelivered'> = (state, { key, message, deliveryCount }) => {
  const queued = state.lanes.find(key, message);
  if (queued !== undefined) queued.deliveryCount = Math.max(queued.deliveryCount, deliveryCount);
};

/** They are worked on to the end; how often their old stream would have delivered them no longer matters. */
const onOrphaned: Handler<'messages_orphaned'> = (state) => {
  for (const queued of state.lanes.all()) queued.maxDeliver = undefined;
};

/** What is in flight ends; nothing else is sent (C15). */
const onPauses: Handler<'pauses_changed'> = (state, { isFunctionPaused, keys }, nowMs) => {
  state.isPaused = isFunctionPaused;
  state.lanes.pauseKeys(keys, nowMs);
  scheduleAt(state, nowMs);
};

const onTimer: Handler<'timer'> = (state, event, nowMs) => {
  state.timerAtMs = undefined;
  state.isStartDue = true;
  for (const request of state.requests.values()) stepRequest(state, request, event, nowMs);
};

type ModeEvent = 'suspend' | 'resume' | 'drain' | 'abort';

const modes: Readonly<Record<DispatchMode, Readonly<Record<ModeEvent, DispatchMode>>>> = {
  running: { suspend: 'suspended', resume: 'running', drain: 'draining', abort: 'stopped' },
  suspended: { suspend: 'suspended', resume: 'running', drain: 'draining', abort: 'stopped' },
  draining: { suspend: 'draining', resume: 'draining', drain: 'draining', abort: 'stopped' },
  stopped: { suspend: 'stopped', resume: 'stopped', drain: 'stopped', abort: 'stopped' },
};

const onModeEvent = (state: DispatchState, { type }: { readonly type: ModeEvent }): void => {
  state.mode = modes[state.mode][type];
  if (type === 'resume') state.isStartDue = true;
};

const onDrain: Handler<'drain'> = (state, event, nowMs) => {
  state.mode = modes[state.mode].drain;
  for (const request of state.requests.values()) stepRequest(state, request, event, nowMs);
};

const handlers: { readonly [E in DispatchEvent['type']]: Handler<E> } = {
  message_received: onReceived,
  message_redelivered: onRedelivered,
  messages_orphaned: onOrphaned,
  key_blocked: (state, { key, sequence }, nowMs) => state.lanes.block(key, sequence, nowMs),
  key_unblocked: (state, { key, sequence }, nowMs) => {
    state.lanes.unblock(key, sequence, nowMs);
    scheduleAt(state, nowMs);
  },
  pauses_changed: onPauses,
  batch_answered: (state, event, nowMs) => stepRequest(state, state.requests.get(event.requestId), event, nowMs),
  batch_failed: (state, event, nowMs) => stepRequest(state, state.requests.get(event.requestId), event, nowMs),
  health_answered: (state, event, nowMs) => stepRequest(state, state.requests.get(event.requestId), event, nowMs),
  timer: onTimer,
  looked: (state) => {
    state.isLookAsked = false;
    state.isStartDue = true;
  },
  suspend: onModeEvent,
  resume: onModeEvent,
  drain: onDrain,
  abort: (state) => {
    state.mode = modes[state.mode].abort;
    emit(state, { type: 'abort_requests' });
  },
};

const nothing: readonly DispatchCommand[] = [];

const step = (state: DispatchState, event: DispatchEvent, nowMs: number): readonly DispatchCommand[] => {
  if (state.breaker.state === 'open') meetBreaker(state, { type: 'tick' }, nowMs);
  // The table has a handler of its own event for each; the compiler cannot follow the pair.
  const handle = handlers[event.type] as Handler<DispatchEvent['type']>;
  handle(state, event, nowMs);
  if (state.isStartDue) startRequests(state, nowMs);
  tellAvailability(state);
  if (state.commands.length === 0) return nothing;
  const { commands } = state;
  state.commands = [];
  return commands;
};

/** Starts as many requests as there are messages, free slots and an available function. */
const startRequests = (state: DispatchState, nowMs: number): void => {
  state.isStartDue = false;
  if (!mayStart(state)) return;
  const { lanes, limits, breaker } = state;
  const nextLaneMs = lanes.wake(nowMs);
  if (nextLaneMs !== undefined) scheduleAt(state, nextLaneMs);
  // An idle function gets what there is at once: while it works on that, the next request fills by itself.
  const lingerMs = state.requests.size === 0 ? 0 : limits.lingerMs;
  for (;;) {
    const freeSlots = searchSlots(state.search, breakerSlots(breaker)) - state.requests.size;
    if (freeSlots <= 0) {
      if (breaker.state === 'open') scheduleAt(state, breaker.reopensAtMs);
      return;
    }
    const sizes = { maxMessages: limits.maxBatchMessages, maxBytes: state.maxBatchBytes };
    const taken = lanes.take({ ...sizes, lingerMs, freeSlots }, nowMs);
    if (taken === undefined) return;
    if ('waitMs' in taken) return scheduleAt(state, nowMs + taken.waitMs);
    startRequest(state, taken.parts, nowMs);
  }
};

const tellAvailability = (state: DispatchState): void => {
  const isOpen = state.breaker.state !== 'closed';
  if (isOpen === state.wasOpen) return;
  state.wasOpen = isOpen;
  emit(state, { type: 'note', fact: { kind: 'availability_changed', isOpen } });
};
