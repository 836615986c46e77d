import type { QueuedMessage } from './queued-message.ts';

/**
 * What a lane does:
 * - `idle`: it has no message.
 * - `ready`: its first message may go into the next request.
 * - `paused`: it waits after a failure, until `notBeforeMs`.
 * - `blocked`: an earlier message of its key is in other hands, or an operator has paused it.
 * - `in_flight`: a request holds its first messages.
 */
export type LaneState = 'idle' | 'ready' | 'paused' | 'blocked' | 'in_flight';

/** A key that an operator pauses is blocked, one that goes on is unblocked. */
export type LaneEvent = 'message_added' | 'taken' | 'completed' | 'key_blocked' | 'key_unblocked' | 'pause_over';

/** `rest`: whichever of idle, ready, paused and blocked its messages, its pause and its blockers say. */
type Next = 'stay' | 'rest' | 'in_flight' | 'impossible';

/** The only way from one state of a lane to another; infra/connector/README.md has it in words. */
export const laneTransitions: Readonly<Record<LaneState, Readonly<Record<LaneEvent, Next>>>> = {
  idle: {
    message_added: 'rest',
    taken: 'impossible',
    completed: 'impossible',
    key_blocked: 'stay',
    key_unblocked: 'rest',
    pause_over: 'stay',
  },
  // A lane that is ready keeps its turn, whatever is added to it.
  ready: {
    message_added: 'stay',
    taken: 'in_flight',
    completed: 'impossible',
    key_blocked: 'rest',
    key_unblocked: 'stay',
    pause_over: 'stay',
  },
  paused: {
    message_added: 'rest',
    taken: 'impossible',
    completed: 'impossible',
    key_blocked: 'stay',
    key_unblocked: 'rest',
    pause_over: 'rest',
  },
  // The message that is added may be earlier than the one in other hands.
  blocked: {
    message_added: 'rest',
    taken: 'impossible',
    completed: 'impossible',
    key_blocked: 'stay',
    key_unblocked: 'rest',
    pause_over: 'stay',
  },
  // One request at a time (C2): only its end changes anything.
  in_flight: {
    message_added: 'stay',
    taken: 'impossible',
    completed: 'rest',
    key_blocked: 'stay',
    key_unblocked: 'stay',
    pause_over: 'stay',
  },
};

/** Where a lane stands in the search for a message that makes its requests fail. */
export interface LaneSearch {
  /** So many messages at the head were in a request that failed as a whole: one of them may be the cause. */
  readonly left: number;
  /** How many of them go into the next request. */
  readonly size: number;
}

/** The messages of one key in stream order. At most one request holds messages of it at a time: the first `inFlight`. */
export interface Lane {
  readonly key: string;
  readonly queue: QueuedMessage[];
  state: LaneState;
  /** Whether it holds nothing and waits for nothing, and is only kept to be used again. */
  isUnused: boolean;
  inFlight: number;
  /** Whether an operator has paused its key (C15). */
  isPaused: boolean;
  /** When it became ready, counted: the lane with the lowest number is next. */
  turn: number;
  /** Not before then: the pause after a failure. */
  notBeforeMs: number;
  /** Failures in a row, for the back-off. */
  failures: number;
  /** Gateway errors in a row that may be its messages' fault. */
  gatewayErrors: number;
  search: LaneSearch | undefined;
  /** Earlier messages of the key that are in other hands: they go first. */
  blockers: Set<number> | undefined;
  /** The least of them; infinite if there is none. */
  firstBlocker: number;
}

/** One lane's share of a request: the first messages of its queue. */
export interface LanePart {
  readonly lane: Lane;
  readonly messages: readonly QueuedMessage[];
}

/** A lane that has no message yet. */
export const idleLane = (key: string, isPaused: boolean): Lane => ({
  key,
  queue: [],
  state: 'idle',
  isUnused: false,
  isPaused,
  inFlight: 0,
  turn: 0,
  notBeforeMs: 0,
  failures: 0,
  gatewayErrors: 0,
  search: undefined,
  blockers: undefined,
  firstBlocker: Number.POSITIVE_INFINITY,
});

/** What it does when no request holds it. */
export const restingState = (lane: Lane, nowMs: number): LaneState => {
  if (lane.queue.length === 0) return 'idle';
  if (lane.notBeforeMs > nowMs) return 'paused';
  return lane.isPaused || isBlocked(lane) ? 'blocked' : 'ready';
};

/**
 * The first messages of a lane that fit; at least one if the request is empty so far.
 * @param ids of the request so far, and then with those of these messages: outcomes are told apart by id, so one that was used
 * twice waits for the next request
 */
export const takeFrom = (lane: Lane, maxMessages: number, maxBytes: number, ids: Set<string>): QueuedMessage[] => {
  const isFirst = ids.size === 0;
  const messages: QueuedMessage[] = [];
  let bytes = 0;
  for (const queued of lane.queue) {
    const { id, sequence, bodyBytes } = queued.message;
    if (messages.length >= maxMessages || sequence > lane.firstBlocker || ids.has(id)) break;
    if (bytes + bodyBytes > maxBytes && !(isFirst && messages.length === 0)) break;
    bytes += bodyBytes;
    ids.add(id);
    messages.push(queued);
  }
  return messages;
};

/** Nothing after a message that is in other hands may go before it (C3). */
const isBlocked = (lane: Lane): boolean => lane.firstBlocker < (lane.queue[0]?.message.sequence ?? 0);
