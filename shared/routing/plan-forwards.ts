import { memberOf } from '../json/json-value.ts';
import { pythonJson } from '../json/write-json.ts';
import type { Delivery } from '../message/delivery.ts';
import type { OutgoingMessage } from '../message/outgoing-message.ts';
import type { Route, Row } from '../state/state-model.ts';
import type { DispatchMode } from '../state/state-properties.ts';
import { carriedMembers } from './carried-members.ts';
import { itemSeparator, maxRangeCharacters, packTexts, payloadRoomBytes, rangeOf } from './pack-texts.ts';
import type { RouteConfig } from './routing.ts';
import { subjectFor } from './subject.ts';

export interface ForwardInput {
  readonly delivery: Pick<Delivery, 'id' | 'message'>;
  /** The rows as they are stored. */
  readonly rows: readonly Row[];
  /** Of the state's properties; null: nothing is passed on. */
  readonly dispatch: DispatchMode | null;
  /** The INPUT routes behind the state. */
  readonly forwardRoutes: readonly Pick<Route, 'id'>[];
  /** Where the router listens. */
  readonly routerRoute: RouteConfig;
  /** The server's limit, headers included. */
  readonly maxPayloadBytes: number;
}

const utf8 = new TextEncoder();

/**
 * One delivery's stored rows -> the `query_state_entry` messages for the processors behind its state (reference.md
 * F.1).
 *
 * - Only `after_save` passes on. `batch` makes one message per route, `individual` one per row; routes are the outer
 *   loop.
 * - A message over the payload limit is split. The id is `<delivery id>/<route id>/<first row>-<last row>`: a message has the
 *   id of another try's only if it has the same rows. If the rows are packed in another way between two tries, because
 *   `dispatch` or the payload limit was edited, all of the new messages are sent. Rows that the first try had sent already
 *   then travel twice; no row is left out.
 * - `input_route_id`, `context` and `priority` travel on (G-24). They stand after the rows, so that a message without
 *   them is byte for byte the reference's.
 *
 * Plan before anything is stored: a row that fits no message is a TerminalError `forward_too_large`.
 */
export const planForwards = (input: ForwardInput): readonly OutgoingMessage[] => {
  const { delivery, rows, dispatch, forwardRoutes, routerRoute } = input;
  if (dispatch === null || rows.length === 0 || forwardRoutes.length === 0) return [];
  const subject = subjectFor(routerRoute, memberOf(delivery.message, 'priority'), null);
  const texts = rows.map((row) => pythonJson(row, { ascii: true }));
  const tail = `]${carriedMembers(delivery.message)}}`;
  const maxItems = dispatch === 'individual' ? 1 : Infinity;
  return forwardRoutes.flatMap((route) => {
    const head = `{"type": "query_state_entry", "route_id": ${pythonJson(route.id, { ascii: true })}, "query_state": [`;
    const roomBytes = payloadRoomBytes(
      input.maxPayloadBytes,
      delivery.id.length + route.id.length + maxRangeCharacters,
    );
    return packTexts(texts, head.length + tail.length, roomBytes, maxItems).map((part) => ({
      stream: routerRoute.name,
      baseSubject: routerRoute.subject,
      subject,
      payload: utf8.encode(head + texts.slice(part.start, part.end).join(itemSeparator) + tail),
      id: `${delivery.id}/${route.id}/${rangeOf(part)}`,
    }));
  });
};
