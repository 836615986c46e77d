import { memberOf } from '../../../shared/json/json-value.ts';
import { pythonJson } from '../../../shared/json/write-json.ts';
import type { Delivery } from '../../../shared/message/delivery.ts';
import type { OutgoingMessage } from '../../../shared/message/outgoing-message.ts';
import { carriedMembers } from '../../../shared/routing/carried-members.ts';
import {
  itemSeparator,
  maxRangeCharacters,
  lengthsOf,
  packTexts,
  payloadRoomBytes,
  rangeOf,
} from '../../../shared/routing/pack-texts.ts';
import { partitionKey } from '../../../shared/routing/partition-key.ts';
import type { RouteConfig } from '../../../shared/routing/routing.ts';
import { isPriorityRoute, subjectFor } from '../../../shared/routing/subject.ts';
import type { Evaluator } from '../../../shared/state/evaluator.ts';
import type { Row } from '../../../shared/state/state-model.ts';
import type { Destination } from '../destination.ts';
import { contextOf, queryStateFrame } from '../query-state-frame.ts';
import { messageCuts, type ReplaySizes } from './replay-cuts.ts';
import type { ReplayRun } from './replay-run.ts';

export interface ReplayInput {
  readonly delivery: Delivery;
  readonly routeId: string;
  readonly destination: Destination;
  /** At the offset of the first row below. */
  readonly run: ReplayRun;
  readonly sizes: ReplaySizes;
  /** The server's limit, headers included. */
  readonly maxPayloadBytes: number;
  readonly evaluate: Evaluator;
}

export interface ReplayRows extends ReplayInput {
  readonly rows: readonly Row[];
  /** First row of the page that the first of `rows` is in: it decides the page's partition. */
  readonly pageFirstRow: Row | null;
}

const utf8 = new TextEncoder();

/** Longest id of a message of a replay. */
const maxIdCharacters = 'replay/'.length + 32 + 1 + maxRangeCharacters;

/** The one message of a replay of a state without rows: the processor learns that there is nothing. */
export const planEmptyReplay = (input: ReplayInput): OutgoingMessage => {
  const { route, processor } = input.destination;
  const { head, tail } = queryStateFrame(input.delivery.message, input.routeId, processor.id);
  return {
    stream: route.name,
    baseSubject: route.subject,
    subject: subjectOf(input, null),
    payload: utf8.encode(head + tail),
    id: idOf(input.run, 'empty'),
  };
};

/**
 * Rows of a state, from the run's offset on -> `query_state` messages (reference.md F.3): each row marked with the
 * run, cut into pages of `maxBatchSize` whose first row decides the subject, and these into messages of
 * `maxBatchLimit` rows, split below the payload limit. The id of a message is that of the replay and the
 * positions of its first and last row. Throws TerminalError `invalid_priority`, `forward_too_large`.
 */
export const planReplayRows = (input: ReplayRows): readonly OutgoingMessage[] => {
  const { rows, run, sizes, destination } = input;
  const { route, processor } = destination;
  const { head, tail } = queryStateFrame(input.delivery.message, input.routeId, processor.id);
  const frameBytes = head.length + tail.length;
  const roomBytes = payloadRoomBytes(input.maxPayloadBytes, maxIdCharacters);
  const subjects = new Map<number, string>();
  const subjectOfPage = (pageStart: number): string => {
    const known = subjects.get(pageStart);
    if (known !== undefined) return known;
    const first = pageStart < run.offset ? input.pageFirstRow : (rows[pageStart - run.offset] ?? null);
    const subject = subjectOf(input, first);
    subjects.set(pageStart, subject);
    return subject;
  };
  return messageCuts(run.offset, run.offset + rows.length, sizes).flatMap((cut) => {
    const subject = subjectOfPage(cut.pageStart);
    const texts = rows.slice(cut.start - run.offset, cut.end - run.offset).map((row) => rowText(row, run));
    return packTexts(lengthsOf(texts), frameBytes, roomBytes, sizes.messageRows).map(({ start, end }) => ({
      stream: route.name,
      baseSubject: route.subject,
      subject,
      payload: utf8.encode(head + texts.slice(start, end).join(itemSeparator) + tail),
      id: idOf(run, rangeOf({ start: cut.start + start, end: cut.start + end })),
    }));
  });
};

/** The message that hands the rest of a replay on, to whoever takes the next message of the router's subject. */
export const planContinuation = (
  input: Pick<ReplayInput, 'delivery' | 'routeId' | 'run'>,
  routerRoute: RouteConfig,
): OutgoingMessage => {
  const { delivery, routeId, run } = input;
  const continuation = pythonJson(
    {
      replay_id: run.replayId,
      run_id: run.runId,
      run_created_at: run.runCreatedAt,
      offset: run.offset,
      total: run.total,
    },
    { ascii: true },
  );
  const head = `{"type": "query_state_route", "route_id": ${pythonJson(routeId, { ascii: true })}`;
  return {
    stream: routerRoute.name,
    baseSubject: routerRoute.subject,
    subject: subjectFor(routerRoute, memberOf(delivery.message, 'priority'), null),
    payload: utf8.encode(`${head}${carriedMembers(delivery.message)}, "continuation": ${continuation}}`),
    id: idOf(run, `from-${run.offset}`),
  };
};

const subjectOf = (input: ReplayInput, firstRow: Row | null): string =>
  subjectFor(input.destination.route, memberOf(input.delivery.message, 'priority'), partitionOf(input, firstRow));

const partitionOf = (input: ReplayInput, firstRow: Row | null): string | null => {
  const { destination, delivery, routeId } = input;
  if (!isPriorityRoute(destination.route)) return null;
  return partitionKey({
    properties: destination.properties,
    projectId: destination.processor.projectId,
    routeId,
    context: contextOf(delivery.message),
    data: firstRow,
    evaluate: input.evaluate,
  });
};

const idOf = (run: ReplayRun, part: string | number): string => `replay/${run.replayId}/${part}`;

const rowText = (row: Row, run: ReplayRun): string => {
  const marked = new Map(row).set('run_id', run.runId).set('run_created_at', run.runCreatedAt);
  return pythonJson(marked, { ascii: true });
};
