/** Larger gaps than this between what was settled and what was delivered are not read through. */
const maxReads = 20_000;
/** Nor are more sequences than this settled that have no message. */
const maxGone = 100_000;

/** Where a consumer and its stream stand. */
export interface ConsumerPosition {
  readonly deliveredSequence: number;
  /** Everything up to it is settled. */
  readonly ackFloorSequence: number;
  readonly unsettled: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly isWorkQueue: boolean;
  /** The last message that we hold; 0 if we hold none. A killed server may have forgotten that it delivered it. */
  readonly lastHeldSequence: number;
}

/**
 * A walk over the stream from what is settled for certain to what was last delivered, or to what we hold if a killed server
 * has forgotten that, to find what is neither settled nor in our hands. Whoever walks reads from `next`, says what it `found`, and so on until there is no `next`.
 *
 * Settled messages are gone from a work queue; where they are kept, more are held back than need be, for a while. The number
 * of unsettled messages is no end of the walk: a server that was killed may keep some that it counts as settled.
 */
export interface UnsettledSearch {
  /** The sequence to read from; undefined at the end. */
  next(): number | undefined;
  /**
   * The first message at or after `next` has this sequence; undefined if there is none.
   * - `gone`: sequences that were delivered and that the stream holds no longer
   * - `isElsewhere`: the message lies within the walk, and is not in our own hands
   * - `mayBeUnsettled`: so it was, and as far as the consumer knows it is not settled
   */
  found(sequence: number | undefined): {
    readonly gone: readonly number[];
    readonly isElsewhere: boolean;
    readonly mayBeUnsettled: boolean;
  };
}

/** @param isHeld whether the message is in our own hands */
export const searchUnsettled = (position: ConsumerPosition, isHeld: (sequence: number) => boolean): UnsettledSearch => {
  const floor = position.unsettled === 0 ? position.deliveredSequence : position.ackFloorSequence;
  // A stream that lost its end gives the sequences behind it to other messages.
  const { deliveredSequence, lastSequence, lastHeldSequence } = position;
  const lastDelivered = Math.min(deliveredSequence, lastSequence);
  // What comes before a message that we hold is on its way too, if the server has forgotten both.
  const last = Math.min(Math.max(deliveredSequence, lastHeldSequence), lastSequence);
  // A work queue keeps nothing that is settled, unless its server was killed.
  let next = position.isWorkQueue ? Math.min(position.firstSequence, floor + 1) : floor + 1;
  let reads = 0;
  let goneCount = 0;
  return {
    next: () => {
      while (next <= last && isHeld(next)) next += 1;
      if (next > last || reads >= maxReads) return undefined;
      reads += 1;
      return next;
    },
    found: (sequence) => {
      const gone: number[] = [];
      const end = Math.min(sequence ?? last + 1, lastDelivered + 1);
      for (let each = Math.max(next, floor + 1); each < end && goneCount < maxGone; each += 1) {
        gone.push(each);
        goneCount += 1;
      }
      const isWithin = sequence !== undefined && sequence <= last;
      next = isWithin ? sequence + 1 : last + 1;
      const isElsewhere = isWithin && !isHeld(sequence);
      return { gone, isElsewhere, mayBeUnsettled: isElsewhere && sequence > floor };
    },
  };
};

/** More deleted sequences than this are not asked for: the answer has all of them. */
const maxDeleted = 20_000;

/**
 * Whether it is enough to know where messages are, without reading them: nothing is here yet that they could come before, and what a
 * work queue holds behind its consumer's floor is unsettled.
 * @param deletedCount sequences between the stream's first and last one that hold no message
 */
export const mayStayUnread = (position: ConsumerPosition, deletedCount: number): boolean =>
  position.isWorkQueue &&
  position.lastHeldSequence === 0 &&
  position.firstSequence > position.ackFloorSequence &&
  deletedCount <= maxDeleted;

/**
 * Whether the consumer counts the message as settled. One that it never delivered, as far as it knows, is not: a killed server
 * that forgot a delivery makes it again.
 */
export const isSettled = (
  {
    deliveredSequence,
    ackFloorSequence,
    unsettled,
  }: Pick<ConsumerPosition, 'deliveredSequence' | 'ackFloorSequence' | 'unsettled'>,
  sequence: number,
): boolean => sequence <= ackFloorSequence || (unsettled === 0 && sequence <= deliveredSequence);
