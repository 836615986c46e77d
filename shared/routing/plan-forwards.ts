import { memberOf } from '../json/json-value.ts';
import { pythonJson } from '../json/write-json.ts';
import type { Delivery } from '../message/delivery.ts';
import type { OutgoingMessage } from '../message/outgoing-message.ts';
import type { Route, Row } from '../state/state-model.ts';
import { Expansion } from '../state/expansion.ts';
import type { Steps } from '../state/steps.ts';
import type { DispatchMode } from '../state/state-properties.ts';
import { carriedMembers } from './carried-members.ts';
import {
  itemSeparator,
  maxRangeCharacters,
  packedBytes,
  packTexts,
  payloadRoomBytes,
  rangeOf,
  type Part,
} from './pack-texts.ts';
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
  /** What the messages of one route may come to together. */
  readonly maxExpandedBytes?: number;
  /** What the plan of the rows holds meanwhile. */
  readonly heldBytes?: number;
}

/** The forwards of one delivery: counted, and made one by one when they are sent. */
export interface ForwardPlan {
  readonly isEmpty: boolean;
  /** @param indexes of the rows that are passed on; all where absent */
  messages(indexes?: readonly number[]): Generator<OutgoingMessage, void, undefined>;
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
 * Plan before anything is stored. Throws `TerminalError`: `forward_too_large` (a row that fits no message), `expansion_too_large`,
 * `invalid_priority`.
 */
export function* planForwards(input: ForwardInput): Steps<ForwardPlan> {
  const { delivery, rows, dispatch, forwardRoutes, routerRoute, heldBytes = 0 } = input;
  if (dispatch === null || rows.length === 0 || forwardRoutes.length === 0) return noForwards;
  const subject = subjectFor(routerRoute, memberOf(delivery.message, 'priority'), null);
  const tail = `]${carriedMembers(delivery.message)}}`;
  const maxItems = dispatch === 'individual' ? 1 : Infinity;
  const headOf = ({ id }: ForwardRoute): string =>
    `{"type": "query_state_entry", "route_id": ${pythonJson(id, { ascii: true })}, "query_state": [`;
  const partsOf = (route: ForwardRoute, lengths: readonly number[]): readonly Part[] => {
    const idCharacters = delivery.id.length + route.id.length + maxRangeCharacters;
    const roomBytes = payloadRoomBytes(input.maxPayloadBytes, idCharacters);
    return packTexts(lengths, headOf(route).length + tail.length, roomBytes, maxItems);
  };

  const lengths: number[] = [];
  const kept: string[] = [];
  let bytes = 0;
  for (const row of rows) {
    const text = rowText(row);
    lengths.push(text.length);
    bytes += text.length;
    if (bytes <= keptBytes) kept.push(text);
    yield heldBytes;
  }
  for (const route of forwardRoutes) {
    const parts = partsOf(route, lengths);
    new Expansion(input.maxExpandedBytes).admit(packedBytes(parts, lengths, headOf(route).length + tail.length));
    yield heldBytes;
  }

  const textOf = (index: number): string => kept[index] ?? rowText(rows[index]!);
  return {
    isEmpty: false,
    *messages(indexes = [...rows.keys()]) {
      for (const route of forwardRoutes) {
        const head = headOf(route);
        for (const { start, end } of partsOf(
          route,
          indexes.map((index) => lengths[index]!),
        )) {
          const own = indexes.slice(start, end);
          yield {
            stream: routerRoute.name,
            baseSubject: routerRoute.subject,
            subject,
            payload: utf8.encode(head + own.map(textOf).join(itemSeparator) + tail),
            id: `${delivery.id}/${route.id}/${rangeOf({ start: own[0]!, end: own.at(-1)! + 1 })}`,
          };
        }
      }
    },
  };
}

type ForwardRoute = ForwardInput['forwardRoutes'][number];

/** Rows of this size together are rendered once; larger ones again when they are sent, so that they are not all held. */
const keptBytes = 256 * 1024;

const rowText = (row: Row): string => pythonJson(row, { ascii: true });

const noForwards: ForwardPlan = {
  isEmpty: true,
  *messages() {
    // There are none.
  },
};
