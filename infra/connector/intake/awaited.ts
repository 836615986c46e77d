/** After its ack wait a message is on its way again, unless the server counts from a wrong time or somebody keeps it alive. */
const overdueMs = 1_000;
/** For the rest of its way once it should have come for the second time. */
const graceMs = 5_000;
const maxExtensions = 4;
/** What was handed back comes before anything new: for so long nothing else is asked for. */
const comesFirstMs = 2_000;

/** Whether a pull could bring what is in other hands: no server can be asked, there is no room, or it could. */
export type Asking = 'away' | 'full' | 'asking';

/** When something is done about a message that is in other hands. */
interface Due {
  /** When it gets a new ack wait; infinite once it has. */
  readonly renewsAtMs: number;
  /** When it is waited for no longer. */
  readonly endsAtMs: number;
  /** The same, however often a connection is lost meanwhile. */
  readonly endsAtLastMs: number;
  /** How long it is waited for until it is handed back again; undefined where its own ack wait is waited for. */
  readonly handBackMs: number | undefined;
}

/**
 * The messages that are in other hands, by sequence: given to another connector, or lost on their way to us with a connection.
 * Their keys wait for them (C3). Each is let go when it comes to us, when it is settled, or when it should have come long ago.
 */
export interface Awaited {
  readonly size: number;
  /**
   * How many messages may be held beyond the room while some that were handed back have not come: as many as were waited for. The server
   * delivers them in the order in which they were handed back, so the one that all others wait for may be the last.
   */
  readonly beyond: number;
  has(sequence: number): boolean;
  sequences(): readonly number[];
  /**
   * It is in other hands; whether that is news.
   * @param isHandedBack whether the server was told to deliver it again at once
   */
  add(sequence: number, nowMs: number, isHandedBack?: boolean): boolean;
  /** It is waited for no longer; whether it was. */
  release(sequence: number): boolean;
  releaseAll(): readonly number[];
  /** How many of them need room that nothing else may take: none once their ack wait is over, for then they come first. */
  reserved(nowMs: number): number;
  /** How many of them were just handed back, and are all that should be asked for now. */
  first(nowMs: number): number;
  /**
   * What time has come for: these are released; those get a new ack wait, once; and the last are handed back again, ever less
   * often: the server may have lost the word, with its leader for instance. Time in which we could not have taken them does
   * not count: `away`, without a server to ask; `full`, without room. But room may never come, so that has an end.
   */
  due(nowMs: number, asking: Asking): DueNow;
}

export interface DueNow {
  readonly released: readonly number[];
  readonly renewed: readonly number[];
  readonly handedBack: readonly number[];
}

/** @param ackWaitMs of the consumer that was to deliver them */
export const createAwaited = (ackWaitMs: number): Awaited => {
  const awaited = new Map<number, Due>();
  let comesByMs = 0;
  let firstUntilMs = 0;
  /** Those that were handed back. */
  const handedBack = new Set<number>();
  /** As many as they were since there were none. */
  let mostHandedBack = 0;
  let lookedMs: number | undefined;

  return {
    get size() {
      return awaited.size;
    },
    get beyond() {
      return handedBack.size > 0 ? mostHandedBack : 0;
    },
    has: (sequence) => awaited.has(sequence),
    sequences: () => [...awaited.keys()],
    add: (sequence, nowMs, isHandedBack = false) => {
      if (awaited.size === 0) lookedMs = nowMs;
      const known = awaited.get(sequence);
      if (isHandedBack) {
        firstUntilMs = nowMs + comesFirstMs;
        if (handedBack.size === 0) mostHandedBack = 0;
        handedBack.add(sequence);
        mostHandedBack = Math.max(mostHandedBack, handedBack.size);
      } else if (!handedBack.has(sequence)) comesByMs = nowMs + ackWaitMs;
      awaited.set(sequence, dueOf(known, nowMs, ackWaitMs, isHandedBack));
      return known === undefined;
    },
    release: (sequence) => {
      handedBack.delete(sequence);
      return awaited.delete(sequence);
    },
    releaseAll: () => {
      const all = [...awaited.keys()];
      awaited.clear();
      handedBack.clear();
      return all;
    },
    reserved: (nowMs) => (nowMs < comesByMs ? awaited.size - handedBack.size : 0),
    first: (nowMs) => (nowMs < firstUntilMs ? handedBack.size : 0),
    due: (nowMs, asking) => {
      const sinceMs = nowMs - (lookedMs ?? nowMs);
      if (asking !== 'asking') {
        comesByMs += sinceMs;
        putOff(awaited, sinceMs, asking === 'away' ? sinceMs : 0);
      }
      lookedMs = nowMs;
      const due = takeDue(awaited, nowMs, ackWaitMs);
      for (const sequence of due.released) handedBack.delete(sequence);
      // They come later now, and need their room until then.
      if (due.renewed.length > 0) comesByMs = nowMs + ackWaitMs;
      if (due.handedBack.length > 0) firstUntilMs = nowMs + comesFirstMs;
      return due;
    },
  };
};

/** @param known what was due of it when it was added before; it is added again if a connection is lost again */
const dueOf = (known: Due | undefined, nowMs: number, ackWaitMs: number, isHandedBack: boolean): Due => {
  const patienceMs = ackWaitMs * 2 + overdueMs + graceMs;
  const renewsAtMs = nowMs + (isHandedBack ? comesFirstMs : ackWaitMs + overdueMs);
  const endsAtLastMs = known?.endsAtLastMs ?? nowMs + patienceMs * maxExtensions;
  return {
    handBackMs: isHandedBack ? comesFirstMs : known?.handBackMs,
    // It was on its way again, maybe, when the connection was lost again.
    renewsAtMs: Math.min(known?.renewsAtMs ?? renewsAtMs, renewsAtMs),
    endsAtMs: Math.min(nowMs + patienceMs, endsAtLastMs),
    endsAtLastMs,
  };
};

/** All of them are due later, because no pull could bring them for so long. */
const putOff = (awaited: Map<number, Due>, byMs: number, lastByMs: number): void => {
  for (const [sequence, due] of awaited) {
    const endsAtLastMs = due.endsAtLastMs + lastByMs;
    const endsAtMs = Math.min(due.endsAtMs + byMs, endsAtLastMs);
    awaited.set(sequence, { ...due, renewsAtMs: due.renewsAtMs + byMs, endsAtMs, endsAtLastMs });
  }
};

/** Lets go of those that are waited for no longer, and notes the new ack wait of those that get one. */
const takeDue = (awaited: Map<number, Due>, nowMs: number, ackWaitMs: number): DueNow => {
  const released: number[] = [];
  const renewed: number[] = [];
  const handedBack: number[] = [];
  for (const [sequence, due] of awaited) {
    if (nowMs >= due.endsAtMs) released.push(sequence);
    else if (nowMs >= due.renewsAtMs) (due.handBackMs === undefined ? renewed : handedBack).push(sequence);
  }
  for (const sequence of released) awaited.delete(sequence);
  for (const sequence of handedBack) {
    const due = awaited.get(sequence)!;
    const handBackMs = due.handBackMs! * 2;
    awaited.set(sequence, { ...due, handBackMs, renewsAtMs: nowMs + handBackMs });
  }
  for (const sequence of renewed) {
    const due = awaited.get(sequence)!;
    // It has a whole ack wait before it again, however late we were: we may have been frozen.
    const endsAtMs = Math.min(Math.max(due.endsAtMs, nowMs + ackWaitMs + graceMs), due.endsAtLastMs);
    awaited.set(sequence, { ...due, renewsAtMs: Number.POSITIVE_INFINITY, endsAtMs });
  }
  return { released, renewed, handedBack };
};
