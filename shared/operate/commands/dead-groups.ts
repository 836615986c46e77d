import { matches, readFilter } from '../dead-letter-filter.ts';
import { describeDeadLetter } from '../describe-dead-letter.ts';
import { createGrouping } from '../group-dead-letters.ts';
import type { ManageCommand } from '../manage-context.ts';
import { openDeadLetters } from './dead-read.ts';

/** One request looks at so many letters, and for so long; the answer says whether it saw all. */
const maxScanned = 20_000;
const maxMs = 10_000;

/**
 * `dead.groups` {a filter?, after?}: dead letters by code, state or route, and reason, the largest group first. `after` leaves
 * out letters up to that sequence, so that it tells what has come since. Newest letters are looked at first; `isComplete` is
 * false if there are more than one request looks at.
 */
export const deadGroups: ManageCommand = async (args, context) => {
  const filter = readFilter(args);
  const after = args.optionalInteger('after', { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0;
  args.check();
  const store = await openDeadLetters(context);
  const { firstSequence = 1, lastSequence = 0, messages: total = 0 } = (await store.summary()) ?? {};
  const grouping = createGrouping();
  const endMs = context.nowMs() + maxMs;
  let scanned = 0;
  let isComplete = true;
  if (total > 0) {
    for await (const letter of store.newestFirst(lastSequence, Math.max(firstSequence, after + 1))) {
      if (letter.sequence <= after) break;
      if (scanned === maxScanned || context.nowMs() > endMs) {
        isComplete = false;
        break;
      }
      scanned += 1;
      const line = describeDeadLetter(letter, undefined);
      if (matches(filter, line, letter)) grouping.add(line);
    }
  }
  return { ...grouping.result(), total, lastSequence, scanned, isComplete };
};
