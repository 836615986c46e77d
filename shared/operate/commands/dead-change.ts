import type { StoredDeadLetter } from '../../nats/dead-letter-store.ts';
import { CommandError } from '../command-error.ts';
import { filterArguments, isFiltered, matches, readFilter, type DeadLetterFilter } from '../dead-letter-filter.ts';
import { describeDeadLetter } from '../describe-dead-letter.ts';
import type { ManageCommand } from '../manage-context.ts';
import type { ArgumentReader } from '../read-arguments.ts';
import { replayDeadLetters, type ReplayFailure } from '../replay-dead-letters.ts';
import { openDeadLetters } from './dead-read.ts';

/** Letters that are in memory at the same time, by count and by bytes. */
const batchMessages = 100;
const batchBytes = 8_388_608;

/** Failures that an answer lists; the rest is counted. */
const maxListedFailures = 100;

/**
 * `dead.replay` {sequence | sequences | a filter | all}: oldest first, at most `limit` letters. `next` and
 * `until` are the `after` and `until` of the next request; null when all are done. `until` keeps out letters that
 * arrive meanwhile, such as those of replays that failed again: none is replayed twice.
 */
export const deadReplay: ManageCommand = async (args, context) => {
  const { sequence, sequences, filter, limit, after, until } = readSelection(args, 10_000);
  const store = await openDeadLetters(context);
  if (sequences !== undefined) {
    const letters = (await Promise.all(sequences.map((each) => store.get(each)))).filter(
      (letter) => letter !== undefined,
    );
    const report = await replayDeadLetters(context, store, letters);
    return { ...report, failures: report.failed.length, next: null, until: null };
  }
  if (sequence !== undefined) {
    const letter = await store.get(sequence);
    if (letter === undefined) throw new CommandError(404, 'not_found', `there is no dead letter ${sequence}`);
    const report = await replayDeadLetters(context, store, [letter]);
    return {
      replayed: report.replayed,
      identities: report.identities,
      failed: report.failed,
      failures: report.failed.length,
      next: null,
      until: null,
    };
  }
  const summary = await store.summary();
  const last = Math.min(until ?? Number.MAX_SAFE_INTEGER, summary?.lastSequence ?? 0);
  const failed: ReplayFailure[] = [];
  const identities: string[] = [];
  let replayed = 0;
  let failures = 0;
  let batch: StoredDeadLetter[] = [];
  let bytes = 0;
  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const report = await replayDeadLetters(context, store, batch);
    batch = [];
    bytes = 0;
    replayed += report.replayed;
    identities.push(...report.identities);
    failures += report.failed.length;
    failed.push(...report.failed.slice(0, maxListedFailures - failed.length));
  };
  let taken = 0;
  let seen = after;
  let next: number | null = null;
  for await (const letter of store.oldestFirst(Math.max(after + 1, summary?.firstSequence ?? 1), last)) {
    if (taken === limit) {
      next = seen;
      break;
    }
    seen = letter.sequence;
    if (!matches(filter, describeDeadLetter(letter, undefined), letter)) continue;
    taken += 1;
    batch.push(letter);
    bytes += letter.payload.byteLength;
    if (batch.length === batchMessages || bytes >= batchBytes) await send();
  }
  await send();
  return { replayed, identities, failed, failures, next, until: next === null ? null : last };
};

/**
 * `dead.purge` {sequence | sequences | a filter | all}: removes dead letters for good, of those that are there now. With a filter it
 * goes on with `after` and `until` as `dead.replay` does. `all` is one request to the server, which knows no `limit`
 * and no `after`. They are refused, because whoever sends them means less than everything.
 */
export const deadPurge: ManageCommand = async (args, context) => {
  const { sequence, sequences, filter, limit, after, until } = readSelection(args, 10_000, { takesAllAtOnce: true });
  const store = await openDeadLetters(context);
  if (sequences !== undefined) {
    const removed = await Promise.all(sequences.map((each) => store.remove(each)));
    return { purged: removed.filter(Boolean).length, next: null, until: null };
  }
  if (sequence !== undefined) {
    if (!(await store.remove(sequence)))
      throw new CommandError(404, 'not_found', `there is no dead letter ${sequence}`);
    return { purged: 1, next: null, until: null };
  }
  const summary = await store.summary();
  if (summary === undefined || summary.messages === 0) return { purged: 0, next: null, until: null };
  const last = Math.min(until ?? Number.MAX_SAFE_INTEGER, summary.lastSequence);
  if (!isFiltered(filter)) return { purged: await store.purge(last), next: null, until: null };
  let purged = 0;
  let seen = after;
  for await (const letter of store.oldestFirst(Math.max(after + 1, summary.firstSequence), last)) {
    if (purged === limit) return { purged, next: seen, until: last };
    seen = letter.sequence;
    if (matches(filter, describeDeadLetter(letter, undefined), letter) && (await store.remove(letter.sequence)))
      purged += 1;
  }
  return { purged, next: null, until: null };
};

interface Selection {
  readonly sequence: number | undefined;
  /** Those that somebody has selected; what is gone meanwhile is passed over. */
  readonly sequences: readonly number[] | undefined;
  readonly filter: DeadLetterFilter;
  readonly limit: number;
  readonly after: number;
  readonly until: number | undefined;
}

/** As many payloads are in memory at the same time. */
const maxSelected = 100;

/** One by `sequence`, those that a filter names, or `all: true`; never everything by an argument left out. */
const readSelection = (args: ArgumentReader, maxLimit: number, { takesAllAtOnce = false } = {}): Selection => {
  const bounds = { min: 1, max: Number.MAX_SAFE_INTEGER };
  const sequence = args.optionalInteger('sequence', bounds);
  const sequences = args.optionalIntegers('sequences', maxSelected);
  const filter = readFilter(args);
  const all = args.flag('all', false);
  const limit = args.optionalInteger('limit', { min: 1, max: maxLimit });
  const after = args.optionalInteger('after', { min: 0, max: Number.MAX_SAFE_INTEGER });
  const until = args.optionalInteger('until', bounds);
  if ([sequence !== undefined, sequences !== undefined, isFiltered(filter), all].filter(Boolean).length !== 1) {
    args.fault(`give one of sequence, sequences, a filter (${filterArguments}) or all: true`);
  }
  if (takesAllAtOnce && all && (limit ?? after) !== undefined) {
    args.fault('all: true takes everything at once, without limit and after');
  }
  args.check();
  return { sequence, sequences, filter, limit: limit ?? Math.min(1_000, maxLimit), after: after ?? 0, until };
};
