import { createDeadLetterStore, type DeadLetterStore } from '../../nats/dead-letter-store.ts';
import { matches, readFilter } from '../dead-letter-filter.ts';
import { describeDeadLetter, type DeadLetterLine } from '../describe-dead-letter.ts';
import { letterHistory, noLetter } from '../letter-history.ts';
import { shownPayload } from '../shown-payload.ts';
import type { ManageCommand, ManageContext } from '../manage-context.ts';

/** Messages that one request looks at: a filter that nothing matches must not read a whole stream. */
const maxScanned = 5_000;

export const openDeadLetters = async (context: ManageContext): Promise<DeadLetterStore> =>
  createDeadLetterStore(await context.bus.connection(), context.routing.deadLetter.stream);

/**
 * `dead.list` {limit, before, a filter?}: newest first, without payloads. `next` is the `before` of
 * the next page, null at the end; with a filter a page may be short, or empty, and still have a next one. `total` and
 * `lastSequence` are the whole stream's at that moment: whoever keeps a page can tell whether the stream has changed.
 */
export const deadList: ManageCommand = async (args, context) => {
  const limit = args.integer('limit', 50, { min: 1, max: 500 });
  const before = args.optionalInteger('before', { min: 1, max: Number.MAX_SAFE_INTEGER });
  const filter = readFilter(args);
  args.check();
  const store = await openDeadLetters(context);
  const summary = await store.summary();
  const letters: DeadLetterLine[] = [];
  const { messages: total = 0, lastSequence = 0 } = summary ?? {};
  if (summary === undefined || total === 0) return { total, lastSequence, letters, next: null };
  const newest = Math.min(lastSequence, (before ?? Number.MAX_SAFE_INTEGER) - 1);
  let scanned = 0;
  let last: number | null = null;
  for await (const letter of store.newestFirst(newest, summary.firstSequence)) {
    if (letters.length === limit || scanned === maxScanned) {
      return { total, lastSequence, letters, next: last };
    }
    scanned += 1;
    last = letter.sequence;
    const line = describeDeadLetter(letter, context.jaegerUrl);
    if (matches(filter, line, letter)) letters.push(line);
  }
  return { total, lastSequence, letters, next: null };
};

/** `dead.show` {sequence}: one dead letter with its headers, its payload, and the edit that it comes from. */
export const deadShow: ManageCommand = async (args, context) => {
  const sequence = args.optionalInteger('sequence', { min: 1, max: Number.MAX_SAFE_INTEGER });
  if (sequence === undefined) args.fault('sequence is missing');
  args.check();
  const letter = await (await openDeadLetters(context)).get(sequence ?? 0);
  if (letter === undefined) throw await noLetter(context, sequence ?? 0);
  return {
    ...describeDeadLetter(letter, context.jaegerUrl),
    headers: letter.headers.flatMap(([name, values]) => values.map((value) => [name, value])),
    ...shownPayload(letter.payload),
    edits: await letterHistory(context, letter.info === undefined ? [] : [letter.info.identity]),
  };
};
