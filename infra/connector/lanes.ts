import type { HeldMessage } from './held-message.ts';

/** The messages of one key in stream order. At most one request holds messages of it at a time: the first `inFlight`. */
export interface Lane {
  readonly key: string;
  readonly queue: HeldMessage[];
  inFlight: number;
  /** Not before then (milliseconds of the clock): the pause after a failure. */
  notBeforeMs: number;
  /** Failures in a row, for the back-off. */
  failures: number;
  /** Gateway errors in a row that may be its messages' fault. */
  gatewayErrors: number;
  /** So many messages at the head were in a request that failed as a whole: one of them may be the cause. */
  suspects: number;
  /** How many suspects to send in the next request. */
  nextSize: number;
  /** Earlier messages of the key that another connector still holds: they go first. */
  blockers: Set<number> | undefined;
}

/** One lane's share of a request: the first `count` messages of its queue. */
export interface LanePart {
  readonly lane: Lane;
  readonly messages: readonly HeldMessage[];
}

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
  add(key: string, message: HeldMessage, nowMs: number): void;
  take(limits: TakeLimits, nowMs: number): Taken;
  /** Ends a request: settled messages (`done`) leave, the others stay at the head of their lane in order. */
  complete(parts: readonly LanePart[], nowMs: number): void;
  /** Lets lanes whose pause is over take part again; returns when the next one will (undefined: none waits). */
  wake(nowMs: number): number | undefined;
  /** Holds a key's later messages until these sequences have come or are settled elsewhere. */
  block(key: string, sequence: number): void;
  unblock(key: string, sequence: number, nowMs: number): void;
}

/** Below this many messages a request costs more than it carries: lanes share one until it is reached. */
const leastSharedMessages = 32;

/**
 * Keeps order per key while many keys travel at the same time. As long as there is a free request for every key that has
 * something to send, each key gets its own, so that states are stored in parallel and no key waits for another's answer;
 * with more keys than free requests, keys share requests so that all of them are filled alike.
 */
export const createLanes = (): Lanes => {
  const lanes = new Map<string, Lane>();
  const ready = new Set<Lane>();
  const paused = new Set<Lane>();
  let readyMessages = 0;
  let heldMessages = 0;

  /** The earliest message of the key that is elsewhere: nothing after it may go. */
  const firstBlocker = (lane: Lane): number => {
    let first = Number.POSITIVE_INFINITY;
    for (const sequence of lane.blockers ?? []) if (sequence < first) first = sequence;
    return first;
  };

  const isBlocked = (lane: Lane): boolean => {
    const head = lane.queue[0];
    return lane.blockers !== undefined && head !== undefined && firstBlocker(lane) < head.sequence;
  };

  const leaveReady = (lane: Lane): void => {
    if (ready.delete(lane)) readyMessages -= lane.queue.length;
  };

  /** Puts the lane where its state says. */
  const place = (lane: Lane, nowMs: number): void => {
    leaveReady(lane);
    paused.delete(lane);
    if (lane.inFlight > 0) return;
    if (lane.queue.length === 0) {
      if (lane.blockers === undefined) lanes.delete(lane.key);
    } else if (lane.notBeforeMs > nowMs) paused.add(lane);
    else if (!isBlocked(lane)) {
      ready.add(lane);
      readyMessages += lane.queue.length;
    }
  };

  const laneOf = (key: string): Lane => {
    const known = lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = {
      key,
      queue: [],
      inFlight: 0,
      notBeforeMs: 0,
      failures: 0,
      gatewayErrors: 0,
      suspects: 0,
      nextSize: 0,
      blockers: undefined,
    };
    lanes.set(key, lane);
    return lane;
  };

  /** The first messages of a lane that fit; at least one where the request is empty so far. */
  const takeFrom = (lane: Lane, maxMessages: number, maxBytes: number, isFirst: boolean): HeldMessage[] => {
    const messages: HeldMessage[] = [];
    const end = firstBlocker(lane);
    let bytes = 0;
    for (const message of lane.queue) {
      if (messages.length >= maxMessages || message.sequence > end) break;
      if (bytes + message.bodyBytes > maxBytes && !(isFirst && messages.length === 0)) break;
      bytes += message.bodyBytes;
      messages.push(message);
    }
    return messages;
  };

  const startPart = (lane: Lane, messages: readonly HeldMessage[]): LanePart => {
    leaveReady(lane);
    lane.inFlight = messages.length;
    return { lane, messages };
  };

  const takeParts = (limits: TakeLimits): LanePart[] => {
    const share = Math.ceil(readyMessages / Math.max(1, limits.freeSlots));
    const wanted =
      ready.size <= limits.freeSlots ? 1 : Math.min(limits.maxMessages, Math.max(leastSharedMessages, share));
    const parts: LanePart[] = [];
    let count = 0;
    let bytes = 0;
    for (const lane of ready) {
      if (lane.suspects > 0) {
        // What may be at fault travels alone, so that an innocent key never pays for it.
        if (parts.length > 0) continue;
        const size = Math.min(lane.nextSize, limits.maxMessages);
        return [startPart(lane, takeFrom(lane, Math.max(1, size), limits.maxBytes, true))];
      }
      const messages = takeFrom(lane, limits.maxMessages - count, limits.maxBytes - bytes, parts.length === 0);
      if (messages.length === 0) break;
      parts.push(startPart(lane, messages));
      count += messages.length;
      bytes += messages.reduce((sum, message) => sum + message.bodyBytes, 0);
      if (count >= wanted) break;
    }
    return parts;
  };

  return {
    get size() {
      return lanes.size;
    },
    get heldMessages() {
      return heldMessages;
    },
    get readyMessages() {
      return readyMessages;
    },
    add: (key, message, nowMs) => {
      const lane = laneOf(key);
      heldMessages += 1;
      // A redelivery may come after later messages of its key: it goes before them, but never into a request under way.
      let at = lane.queue.length;
      while (at > lane.inFlight && lane.queue[at - 1]!.sequence > message.sequence) at -= 1;
      if (at === lane.queue.length) lane.queue.push(message);
      else lane.queue.splice(at, 0, message);
      // A lane that is ready keeps its turn.
      if (ready.has(lane)) readyMessages += 1;
      else place(lane, nowMs);
    },
    take: (limits, nowMs) => {
      const first = ready.values().next().value;
      if (first === undefined) return undefined;
      if (readyMessages < limits.maxMessages) {
        const waitMs = first.queue[0]!.receivedMs + limits.lingerMs - nowMs;
        if (waitMs > 0) return { waitMs: Math.min(waitMs, limits.lingerMs) };
      }
      return { parts: takeParts(limits) };
    },
    complete: (parts, nowMs) => {
      for (const { lane, messages } of parts) {
        const left = messages.filter((message) => !message.done);
        heldMessages -= messages.length - left.length;
        if (left.length < messages.length) lane.queue.splice(0, messages.length, ...left);
        lane.inFlight = 0;
        place(lane, nowMs);
      }
    },
    wake: (nowMs) => {
      let nextMs: number | undefined;
      for (const lane of paused) {
        if (lane.notBeforeMs <= nowMs) place(lane, nowMs);
        else nextMs = Math.min(nextMs ?? lane.notBeforeMs, lane.notBeforeMs);
      }
      return nextMs;
    },
    block: (key, sequence) => {
      const lane = laneOf(key);
      (lane.blockers ??= new Set()).add(sequence);
      if (isBlocked(lane)) leaveReady(lane);
    },
    unblock: (key, sequence, nowMs) => {
      const lane = lanes.get(key);
      if (!lane?.blockers?.delete(sequence)) return;
      if (lane.blockers.size === 0) lane.blockers = undefined;
      place(lane, nowMs);
    },
  };
};
