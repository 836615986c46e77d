/** What becomes of a message, if everything goes as it should. */
export type MessageKind =
  /** Stored at its first try. */
  | 'good'
  /** Comes back as `retry` twice with an error of its own, then it is stored. */
  | 'retried'
  /** Names what is not there: given up after the attempts that the limits allow. */
  | 'unknown'
  /** Refused by the function. */
  | 'refused'
  /** No function can read it: refused by the connector itself. */
  | 'unreadable'
  /** Takes down every process that works on it. */
  | 'killer';

/** One message of the stream. */
export interface Entry {
  readonly sequence: number;
  /** Which stream of this name holds it: one that was deleted and made anew counts from 1 again. */
  readonly generation: number;
  readonly id: string;
  readonly key: string;
  readonly kind: MessageKind;
  isRemoved: boolean;
}

/** A delivery on its way, or an answer to one: both name the message by its place. */
export interface Delivery {
  readonly sequence: number;
  readonly generation: number;
  readonly deliveryCount: number;
  /** Counts the consumer's deliveries, whoever gets them. */
  readonly consumerSequence: number;
}

/** `hand_back` is the word about a delivery that somebody else got: it comes again at once, in the order of these words. */
export type AnswerKind = 'ack' | 'term' | 'nak' | 'working' | 'hand_back';

export interface AnswerOnTheWire {
  readonly kind: AnswerKind;
  readonly sequence: number;
  readonly generation: number;
  /** Of what is handed back: the consumer's count of deliveries as far as it is known. */
  readonly delivered?: number;
}

interface Pending {
  readonly deadlineMs: number;
  readonly deliveries: number;
  /** Whether it waits because somebody said so, and not for its ack wait. */
  readonly isDelayed: boolean;
}

/** What a killed server finds on its disk: it writes behind. */
export interface ServerSnapshot {
  readonly delivered: number;
  readonly counted: number;
  readonly pending: ReadonlyMap<number, Pending>;
  readonly removed: ReadonlySet<number>;
}

export const ackWaitMs = 10_000;
const nakDelayMs = 1_000;

/** A work queue with one durable consumer, as nats-server keeps them. */
export const createModelServer = (
  planned: readonly { readonly key: string; readonly kind: MessageKind }[],
  waitMs: number = ackWaitMs,
) => {
  let generation = 1;
  let entries: Entry[] = [];
  let delivered = 0;
  let counted = 0;
  let pending = new Map<number, Pending>();
  /** What was handed back, in the order of these words: it comes before anything else. */
  let handedBack: number[] = [];

  const publish = (messages: typeof planned): void => {
    for (const { key, kind } of messages) {
      const sequence = entries.length + 1;
      entries.push({ sequence, generation, id: `g${generation}m${sequence}`, key, kind, isRemoved: false });
    }
  };
  publish(planned);

  const entryAt = (sequence: number): Entry | undefined => {
    const entry = entries[sequence - 1];
    return entry === undefined || entry.isRemoved ? undefined : entry;
  };
  const nextNew = (): number | undefined => {
    for (let sequence = delivered + 1; sequence <= entries.length; sequence += 1) {
      if (entryAt(sequence) !== undefined) return sequence;
    }
    return undefined;
  };

  return {
    get generation() {
      return generation;
    },
    get entries(): readonly Entry[] {
      return entries;
    },
    entryAt,
    isDelivered: (sequence: number): boolean => sequence <= delivered,
    /** The consumer's count of deliveries. */
    get counted() {
      return counted;
    },
    /** Whether the message is to come again only because its ack wait was over, by then: nobody said a word of it. */
    isForgotten: (sequence: number, fromMs: number, nowMs: number): boolean => {
      const known = pending.get(sequence);
      if (known === undefined || known.isDelayed || handedBack.includes(sequence)) return false;
      return known.deadlineMs >= fromMs && known.deadlineMs <= nowMs;
    },
    /** What can be delivered now: the first message whose ack wait is over, else the first that never was delivered. */
    deliverable: (nowMs: number): readonly number[] => {
      const first = handedBack[0];
      if (first !== undefined) return [first];
      const due: number[] = [];
      for (const [sequence, { deadlineMs }] of pending) if (deadlineMs <= nowMs) due.push(sequence);
      // A server tries again in the order of the stream, and before anything new.
      const fresh = due.length > 0 ? Math.min(...due) : nextNew();
      return fresh === undefined ? [] : [fresh];
    },
    /** Gives a message to whoever asked; undefined if the stream holds it no longer. */
    deliver: (sequence: number, nowMs: number): Delivery | undefined => {
      delivered = Math.max(delivered, sequence);
      handedBack = handedBack.filter((each) => each !== sequence);
      const deadlineMs = nowMs + waitMs;
      if (entryAt(sequence) === undefined) {
        // A recovered consumer counts what its stream has not: it tries it again and again.
        pending.set(sequence, { deadlineMs, deliveries: pending.get(sequence)?.deliveries ?? 1, isDelayed: false });
        return undefined;
      }
      counted += 1;
      const deliveries = (pending.get(sequence)?.deliveries ?? 0) + 1;
      pending.set(sequence, { deadlineMs, deliveries, isDelayed: false });
      return { sequence, generation, deliveryCount: deliveries, consumerSequence: counted };
    },
    /** Takes an answer; the entry that it is an answer to, or undefined if there is none. */
    answer: ({ kind, sequence, delivered: upTo = 0 }: AnswerOnTheWire, nowMs: number): void => {
      const known = pending.get(sequence);
      if (kind === 'ack' || kind === 'term') {
        pending.delete(sequence);
        handedBack = handedBack.filter((each) => each !== sequence);
        const entry = entries[sequence - 1];
        if (entry !== undefined) entry.isRemoved = true;
      } else if (known !== undefined && kind === 'hand_back') {
        // A word about a delivery that it has not made yet is ignored.
        if (upTo <= counted && !handedBack.includes(sequence)) handedBack.push(sequence);
      } else if (known !== undefined) {
        const isDelayed = kind === 'nak';
        const deadlineMs = nowMs + (isDelayed ? nakDelayMs : waitMs);
        pending.set(sequence, { ...known, deadlineMs, isDelayed });
      }
    },
    position: () => {
      const held = entries.filter(({ isRemoved }) => !isRemoved);
      const unsettled = pending.size;
      return {
        deliveredSequence: delivered,
        ackFloorSequence: unsettled === 0 ? delivered : Math.min(...pending.keys()) - 1,
        unsettled,
        consumer: { delivered: counted, unsettled, waiting: 0 },
        firstSequence: held[0]?.sequence ?? entries.length + 1,
        lastSequence: entries.length,
        isWorkQueue: true,
      };
    },
    /** When the next ack wait ends; undefined if none runs. */
    nextDeadlineMs: (nowMs: number): number | undefined => {
      let next: number | undefined;
      for (const { deadlineMs } of pending.values()) {
        if (deadlineMs > nowMs) next = Math.min(next ?? deadlineMs, deadlineMs);
      }
      return next;
    },
    /** The first message at or after that place. */
    nextStored: (sequence: number): Entry | undefined =>
      entries.find((entry) => entry.sequence >= sequence && !entry.isRemoved),
    snapshot: (): ServerSnapshot => ({
      delivered,
      counted,
      pending: new Map(pending),
      removed: new Set(entries.filter(({ isRemoved }) => isRemoved).map(({ sequence }) => sequence)),
    }),
    /** A killed server is back with what it had written: its stream may know more of what is gone than its consumer. */
    recover: (snapshot: ServerSnapshot, isStreamOlderToo: boolean): void => {
      delivered = snapshot.delivered;
      counted = snapshot.counted;
      handedBack = [];
      pending = new Map(snapshot.pending);
      if (!isStreamOlderToo) return;
      for (const entry of entries) entry.isRemoved = snapshot.removed.has(entry.sequence);
    },
    /** Deletes the stream and makes it anew, with these messages in the old ones' places. */
    makeAnew: (messages: typeof planned): void => {
      generation += 1;
      entries = [];
      delivered = 0;
      counted = 0;
      pending = new Map();
      handedBack = [];
      publish(messages);
    },
    isAtRest: (): boolean => pending.size === 0 && nextNew() === undefined,
  };
};
