import type { Tenure } from '../lease/tenure.ts';
import { createGapBudget } from './gap-budget.ts';

/** What the consumer said of itself when we looked. */
export interface ConsumerSight {
  /** Its count of deliveries, whoever got them. */
  readonly delivered: number;
  readonly unsettled: number;
  /** Requests that wait for messages. */
  readonly waiting: number;
}

/** Whether we are the only one who reads a durable, and whether all that it delivers comes to us. */
export interface SoleReader {
  /** Whether nobody else reads or has anything in hand that it still works on: what is unsettled can be handed back (L5). */
  readonly isAlone: boolean;
  /** The consumer's count of deliveries as we know it. */
  readonly delivered: number;
  /**
   * We looked what is under way. `look_again`: a request of the one before us may still wait, and would get messages; soon it is over.
   * `another_reader`: somebody asks for messages without a lease.
   * @param askedMs when we asked. The answer may have been written soon after, and have been read long after: we may have been frozen
   */
  looked(sight: ConsumerSight, askedMs: number): 'known' | 'look_again' | 'another_reader';
  /**
   * Whether somebody else was given something since we looked: the consumer counts its deliveries, and one is missing before this
   * one. Then nothing is taken before we have looked again (L6).
   */
  misses(consumerSequence: number, nowMs: number): boolean;
  /**
   * The consumer says how many deliveries it has made. Returns whether one of those that it had made when it said so last has not come to
   * us: no later delivery would show it if none comes (L6).
   */
  counted(delivered: number, nowMs: number): boolean;
}

/**
 * Whether we are alone is known if a connector with a lease read before us, or if nothing was unsettled when the first of us came.
 * Else another system may still work on what it was given. One that still asks for more, when every request of a connector
 * before us is over, reads beside us.
 */
export const createSoleReader = ({
  isExclusive,
  isSuccessor,
  latePullMs,
}: Pick<Tenure, 'isExclusive' | 'isSuccessor' | 'latePullMs'>): SoleReader => {
  const gaps = createGapBudget();
  let isAlone = false;
  let firstLookMs: number | undefined;
  let isKnown = false;
  let countedBefore = 0;
  let delivered = 0;
  return {
    get isAlone() {
      return isAlone;
    },
    get delivered() {
      return delivered;
    },
    looked: (sight, askedMs) => {
      ({ delivered } = sight);
      countedBefore = delivered;
      if (isKnown) return 'known';
      firstLookMs ??= askedMs;
      const isAsked = isExclusive && sight.waiting > 0;
      if (isAsked && askedMs - firstLookMs < latePullMs) return 'look_again';
      isKnown = true;
      isAlone = isExclusive && !isAsked && (isSuccessor || sight.unsettled === 0);
      return isAsked ? 'another_reader' : 'known';
    },
    misses: (consumerSequence, nowMs) => {
      const isMissing = consumerSequence > delivered + 1;
      if (isMissing && isAlone && gaps.take(nowMs)) return true;
      delivered = consumerSequence;
      return false;
    },
    counted: (count, nowMs) => {
      const isMissing = delivered < countedBefore;
      countedBefore = count;
      return isMissing && isAlone && gaps.take(nowMs);
    },
  };
};
