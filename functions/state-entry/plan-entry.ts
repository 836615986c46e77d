import { TerminalError } from '../../shared/errors/sync-error.ts';
import { isJsonArray, memberOf, type JsonValue } from '../../shared/json/json-value.ts';
import { pythonJson } from '../../shared/json/write-json.ts';
import type { Delivery } from '../../shared/message/delivery.ts';
import type { OutgoingMessage } from '../../shared/message/outgoing-message.ts';
import {
  itemSeparator,
  lengthsOf,
  maxRangeCharacters,
  packedBytes,
  packTexts,
  payloadRoomBytes,
  rangeOf,
} from '../../shared/routing/pack-texts.ts';
import { partitionKey } from '../../shared/routing/partition-key.ts';
import { Expansion } from '../../shared/state/expansion.ts';
import type { RouteConfig } from '../../shared/routing/routing.ts';
import { isPriorityRoute, subjectFor } from '../../shared/routing/subject.ts';
import type { Evaluator } from '../../shared/state/evaluator.ts';
import type { Steps } from '../../shared/state/steps.ts';
import type { Destination } from './destination.ts';
import { contextOf, queryStateFrame } from './query-state-frame.ts';
import { routedStatus } from './routed-status.ts';

export interface EntryInput {
  readonly delivery: Delivery;
  /** Null where the message names a processor alone. */
  readonly routeId: string | null;
  readonly destination: Destination;
  readonly monitorRoute: RouteConfig;
  /** The server's limit, headers included. */
  readonly maxPayloadBytes: number;
  readonly evaluate: Evaluator;
}

const utf8 = new TextEncoder();

/**
 * One `query_state_entry` or `query_processor_entry` -> the ROUTED status of its route and the `query_state` message
 * for its processor, split where it would go over the payload limit (reference.md F.2). What is no list is one row, a null too.
 * Ids are `<delivery>/<route or processor>/<first row>-<last row>`. A message without a route has no status: the monitor would take a
 * null route for any route (G-25). Throws TerminalError `missing_query_state`, `invalid_priority`,
 * `forward_too_large`.
 */
export function* planEntry(input: EntryInput): Steps<readonly OutgoingMessage[]> {
  const { delivery, routeId, destination } = input;
  const { message } = delivery;
  const { processor, route } = destination;
  const targetId = routeId ?? processor.id;
  const queryState = queryStateOf(delivery);
  const rows = isJsonArray(queryState) ? queryState : [queryState];
  const partition = !isPriorityRoute(route)
    ? null
    : partitionKey({
        properties: destination.properties,
        projectId: processor.projectId,
        routeId: targetId,
        context: contextOf(message),
        data: rows.length === 0 ? rows : rows[0]!,
        evaluate: input.evaluate,
      });
  const subject = subjectFor(route, memberOf(message, 'priority'), partition);
  const { head, tail } = queryStateFrame(message, routeId, processor.id);
  const texts: string[] = [];
  for (const row of rows) {
    texts.push(pythonJson(row, { ascii: true }));
    yield held;
  }
  const roomBytes = payloadRoomBytes(input.maxPayloadBytes, delivery.id.length + targetId.length + maxRangeCharacters);
  const parts = packTexts(lengthsOf(texts), head.length + tail.length, roomBytes, Infinity);
  new Expansion().admit(packedBytes(parts, lengthsOf(texts), head.length + tail.length));
  const messages: OutgoingMessage[] = [];
  for (const part of parts.length === 0 ? [{ start: 0, end: 0 }] : parts) {
    messages.push({
      stream: route.name,
      baseSubject: route.subject,
      subject,
      payload: utf8.encode(head + texts.slice(part.start, part.end).join(itemSeparator) + tail),
      id: `${delivery.id}/${targetId}/${rangeOf(part)}`,
    });
    yield held;
  }
  return routeId === null ? messages : [routedStatus(input.monitorRoute, routeId, delivery.id), ...messages];
}

/** What entries hold is bounded by their request: no plan of theirs waits for another's memory. */
const held = 0;

const queryStateOf = (delivery: Delivery): JsonValue => {
  const value = memberOf(delivery.message, 'query_state');
  if (value !== undefined) return value;
  throw new TerminalError('missing_query_state', 'the message has no query_state');
};
