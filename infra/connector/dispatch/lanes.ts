import type { ReceivedMessage } from '../intake/received-message.ts';
import { idleLane, laneTransitions, restingState, takeFrom, type Lane, type LaneEvent, type LanePart } from './lane.ts';
import { createPauseQueue, type PauseQueue } from './pause-queue.ts';
import type { QueuedMessage } from './queued-message.ts';

export interface TakeLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly lingerMs: number;
  /** Requests that may be started now, this one counted. */
  readonly freeSlots: number;
}

/** The next request's shares, or how long to wait for it to fill, or nothing. */
export type Taken = { readonly parts: readonly LanePart[] } | { readonly waitMs: number } | undefined;

export interface Lanes {
  readonly size: number;
  /** Messages that are not settled. */
  readonly heldMessages: number;
  /** Messages that a request could hold now. */
  readonly readyMessages: number;
  add(key: string, queued: QueuedMessage, nowMs: number): void;
  take(limits: TakeLimits, nowMs: number): Taken;
  /** Ends a request: settled messages leave, the others stay at the head of their lane in order. */
  complete(parts: readonly LanePart[], nowMs: number): void;
  /** Lets lanes whose pause is over take part again; returns when the next one will (undefined: none waits). */
  wake(nowMs: number): number | undefined;
  /** Holds a key's later messages until this sequence has come or is settled elsewhere. */
  block(key: string, sequence: number, nowMs: number): void;
  unblock(key: string, sequence: number, nowMs: number): void;
  /** Holds back these keys and no others, until it is said anew (C15). */
  pauseKeys(keys: ReadonlySet<string>, nowMs: number): void;
  find(key: string, message: ReceivedMessage): QueuedMessage | undefined;
  all(): Iterable<QueuedMessage>;
}

interface State {
  readonly lanes: Map<string, Lane>;
  /** Ready lanes in turn: those that may share a request, and those that are searched and travel alone (C6). */
  readonly shared: Set<Lane>;
  readonly alone: Set<Lane>;
  readonly pauses: PauseQueue;
  /** Keys that an operator has paused, whether they have a lane or not. */
  pausedKeys: ReadonlySet<string>;
  turns: number;
  /** Lanes that hold nothing and wait for nothing: kept to be used again. */
  unused: number;
  readyMessages: number;
  heldMessages: number;
}

/**
 * Keeps order per key while many keys travel at the same time. As long as there is a free request for every key that has
 * something to send, each key gets its own, so that states are stored in parallel and no key waits for another's answer;
 * with more keys than free requests, keys share requests so that all of them are filled alike.
 */
export const createLanes = (): Lanes => {
  const state: State = {
    lanes: new Map(),
    shared: new Set(),
    alone: new Set(),
    pauses: createPauseQueue(),
    pausedKeys: new Set(),
    turns: 0,
    unused: 0,
    readyMessages: 0,
    heldMessages: 0,
  };
  return {
    get size() {
      return state.lanes.size - state.unused;
    },
    get heldMessages() {
      return state.heldMessages;
    },
    get readyMessages() {
      return state.readyMessages;
    },
    add: (key, queued, nowMs) => add(state, laneOf(state, key), queued, nowMs),
    take: (limits, nowMs) => take(state, limits, nowMs),
    complete: (parts, nowMs) => {
      for (const part of parts) complete(state, part, nowMs);
    },
    wake: (nowMs) => {
      for (let lane = state.pauses.takeDue(nowMs); lane !== undefined; lane = state.pauses.takeDue(nowMs)) {
        advance(state, lane, 'pause_over', nowMs);
      }
      return state.pauses.nextMs();
    },
    block: (key, sequence, nowMs) => block(state, laneOf(state, key), sequence, nowMs),
    unblock: (key, sequence, nowMs) => unblock(state, state.lanes.get(key), sequence, nowMs),
    pauseKeys: (keys, nowMs) => pauseKeys(state, keys, nowMs),
    find: (key, message) => state.lanes.get(key)?.queue.find((queued) => queued.message === message),
    all: () => allOf(state),
  };
};

const add = (state: State, lane: Lane, queued: QueuedMessage, nowMs: number): void => {
  const { queue } = lane;
  state.heldMessages += 1;
  // A redelivery may come after later messages of its key: it goes before them, but never into a request in flight.
  let at = queue.length;
  while (at > lane.inFlight && queue[at - 1]!.message.sequence > queued.message.sequence) at -= 1;
  if (at === queue.length) queue.push(queued);
  else queue.splice(at, 0, queued);
  if (lane.state === 'ready') state.readyMessages += 1;
  advance(state, lane, 'message_added', nowMs);
};

/** The one place where a lane changes its state. */
const advance = (state: State, lane: Lane, event: LaneEvent, nowMs: number): void => {
  const next = laneTransitions[lane.state][event];
  if (next === 'impossible') throw new Error(`a lane that is ${lane.state} cannot meet ${event}`);
  if (next === 'stay') return;
  const to = next === 'rest' ? restingState(lane, nowMs) : next;
  if (to === lane.state) return;
  if (lane.state === 'ready') leaveReady(state, lane);
  lane.state = to;
  if (to === 'ready') enterReady(state, lane);
  else if (to === 'paused') state.pauses.add(lane);
};

/**
 * A lane that is used no more forgets all it knew. It stays in the map, because a key that comes and goes would leave a trail of
 * removed entries there, which every look at it walks along. When there are many of them they go all at once.
 */
const retire = (state: State, lane: Lane): void => {
  if (lane.isUnused || lane.state !== 'idle' || lane.blockers !== undefined) return;
  Object.assign(lane, { isUnused: true, notBeforeMs: 0, failures: 0, gatewayErrors: 0, search: undefined });
  state.unused += 1;
  if (state.unused < maxUnused || state.unused < state.lanes.size / 2) return;
  for (const [key, { isUnused }] of state.lanes) if (isUnused) state.lanes.delete(key);
  state.unused = 0;
};

const maxUnused = 1_000;

const leaveReady = (state: State, lane: Lane): void => {
  if (!state.shared.delete(lane)) state.alone.delete(lane);
  state.readyMessages -= lane.queue.length;
};

const enterReady = (state: State, lane: Lane): void => {
  lane.turn = state.turns += 1;
  (lane.search === undefined ? state.shared : state.alone).add(lane);
  state.readyMessages += lane.queue.length;
};

const laneOf = (state: State, key: string): Lane => {
  const known = state.lanes.get(key);
  if (known !== undefined) {
    if (known.isUnused) state.unused -= 1;
    known.isUnused = false;
    return known;
  }
  const lane = idleLane(key, state.pausedKeys.has(key));
  state.lanes.set(key, lane);
  return lane;
};

const take = (state: State, limits: TakeLimits, nowMs: number): Taken => {
  const shared = state.shared.values().next().value;
  const alone = state.alone.values().next().value;
  const isAloneFirst = alone !== undefined && (shared === undefined || alone.turn < shared.turn);
  const first = isAloneFirst ? alone : shared;
  if (first === undefined) return undefined;
  if (state.readyMessages < limits.maxMessages) {
    const waitMs = first.queue[0]!.message.receivedMs + limits.lingerMs - nowMs;
    if (waitMs > 0) return { waitMs: Math.min(waitMs, limits.lingerMs) };
  }
  return { parts: isAloneFirst ? [takeAlone(state, first, limits, nowMs)] : takeShared(state, limits, nowMs) };
};

/** A lane that is searched travels alone, so that another key never pays for it. */
const takeAlone = (state: State, lane: Lane, limits: TakeLimits, nowMs: number): LanePart => {
  const size = Math.max(1, Math.min(lane.search?.size ?? 1, limits.maxMessages));
  return startPart(state, lane, takeFrom(lane, size, limits.maxBytes, new Set()), nowMs);
};

const startPart = (state: State, lane: Lane, messages: readonly QueuedMessage[], nowMs: number): LanePart => {
  advance(state, lane, 'taken', nowMs);
  lane.inFlight = messages.length;
  return { lane, messages };
};

/** Below this many messages a request costs more than it carries: lanes share one until it is reached. */
const leastSharedMessages = 32;

const takeShared = (state: State, limits: TakeLimits, nowMs: number): LanePart[] => {
  const readyLanes = state.shared.size + state.alone.size;
  const share = Math.ceil(state.readyMessages / Math.max(1, limits.freeSlots));
  const wanted =
    readyLanes <= limits.freeSlots ? 1 : Math.min(limits.maxMessages, Math.max(leastSharedMessages, share));
  const parts: LanePart[] = [];
  const ids = new Set<string>();
  let count = 0;
  let bytes = 0;
  for (const lane of state.shared) {
    const messages = takeFrom(lane, limits.maxMessages - count, limits.maxBytes - bytes, ids);
    if (messages.length === 0) break;
    parts.push(startPart(state, lane, messages, nowMs));
    count += messages.length;
    for (const { message } of messages) bytes += message.bodyBytes;
    if (count >= wanted) break;
  }
  return parts;
};

const complete = (state: State, { lane, messages }: LanePart, nowMs: number): void => {
  const left = messages.filter(({ isSettled }) => !isSettled);
  state.heldMessages -= messages.length - left.length;
  if (left.length < messages.length) lane.queue.splice(0, messages.length, ...left);
  lane.inFlight = 0;
  advance(state, lane, 'completed', nowMs);
  retire(state, lane);
};

const block = (state: State, lane: Lane, sequence: number, nowMs: number): void => {
  (lane.blockers ??= new Set()).add(sequence);
  lane.firstBlocker = Math.min(lane.firstBlocker, sequence);
  advance(state, lane, 'key_blocked', nowMs);
};

const unblock = (state: State, lane: Lane | undefined, sequence: number, nowMs: number): void => {
  if (!lane?.blockers?.delete(sequence)) return;
  if (sequence === lane.firstBlocker) {
    lane.firstBlocker = Number.POSITIVE_INFINITY;
    for (const other of lane.blockers) if (other < lane.firstBlocker) lane.firstBlocker = other;
  }
  if (lane.blockers.size === 0) lane.blockers = undefined;
  advance(state, lane, 'key_unblocked', nowMs);
  retire(state, lane);
};

/** Costs as much as what is paused, however many lanes there are (C14). */
const pauseKeys = (state: State, keys: ReadonlySet<string>, nowMs: number): void => {
  const before = state.pausedKeys;
  state.pausedKeys = keys;
  for (const key of new Set([...before, ...keys])) {
    const lane = state.lanes.get(key);
    if (lane === undefined || lane.isPaused === keys.has(key)) continue;
    lane.isPaused = keys.has(key);
    advance(state, lane, lane.isPaused ? 'key_blocked' : 'key_unblocked', nowMs);
  }
};

const allOf = function* (state: State): Iterable<QueuedMessage> {
  for (const { queue } of state.lanes.values()) yield* queue;
};
