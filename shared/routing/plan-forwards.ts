import { memberOf, type JsonObject } from '../json/json-value.ts';
import { pythonJson } from '../json/write-json.ts';
import type { Delivery } from '../message/delivery.ts';
import type { OutgoingMessage } from '../message/outgoing-message.ts';
import type { Route } from '../state/state-model.ts';
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

/** What the deliveries of one state have in common. */
export interface ForwardTarget {
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

type ForwardedDelivery = Pick<Delivery, 'id' | 'message'>;

/** The forwards of one delivery: counted, and made one by one when they are sent. */
export interface ForwardPlan {
  readonly isEmpty: boolean;
  /** @param indexes of the rows that are passed on; all where absent */
  messages(indexes?: readonly number[]): Iterable<OutgoingMessage>;
}

/** The plan of a delivery whose rows are not passed on. */
export const noForwards: ForwardPlan = { isEmpty: true, messages: () => [] };

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
 *
 * @param rows as they are stored
 */
export function* planForwards(
  target: ForwardTarget,
  delivery: ForwardedDelivery,
  rows: readonly JsonObject[],
): Steps<ForwardPlan> {
  const { dispatch, forwardRoutes, heldBytes = 0 } = target;
  if (dispatch === null || rows.length === 0 || forwardRoutes.length === 0) return noForwards;
  const forwards = new RowForwards(target, delivery, rows);
  let bytes = 0;
  let steppedBytes = 0;
  for (let index = 0; index < rows.length; index += 1) {
    bytes += forwards.render(index, bytes);
    // A step for every small row would cost more than the row.
    if (bytes - steppedBytes < stepBytes) continue;
    steppedBytes = bytes;
    yield heldBytes;
  }
  for (const route of forwardRoutes) {
    forwards.admit(route);
    if (rows.length >= stepRows) yield heldBytes;
  }
  return forwards;
}

/**
 * The same for a delivery of a few rows, without steps: a batch may have hundreds of these.
 * @returns undefined for any other: `planForwards` plans it
 */
export const planFewForwards = (
  target: ForwardTarget,
  delivery: ForwardedDelivery,
  rows: readonly JsonObject[],
): ForwardPlan | undefined => {
  const { dispatch, forwardRoutes } = target;
  if (dispatch === null || rows.length === 0 || rows.length * forwardRoutes.length > maxFew) return undefined;
  if (forwardRoutes.length === 0) return noForwards;
  const forwards = new RowForwards(target, delivery, rows);
  let bytes = 0;
  for (let index = 0; index < rows.length; index += 1) bytes += forwards.render(index, bytes);
  for (const route of forwardRoutes) forwards.admit(route);
  return forwards;
};

/** Messages that one step makes. */
const maxFew = 4;

/** Rendered in one step. */
const stepBytes = 16 * 1024;
/** Packed in one step with nothing else. */
const stepRows = 256;

/** A class: there is one for each message, and closures would be made anew for each. */
class RowForwards implements ForwardPlan {
  readonly isEmpty = false;
  readonly #target: ForwardTarget;
  readonly #delivery: ForwardedDelivery;
  readonly #rows: readonly JsonObject[];
  readonly #subject: string;
  readonly #tail: string;
  readonly #lengths: number[];
  /** The first rows as bytes, which the garbage collector need not copy while the database is asked. */
  readonly #kept: Uint8Array[];

  constructor(target: ForwardTarget, delivery: ForwardedDelivery, rows: readonly JsonObject[]) {
    const { message } = delivery;
    const carried = carriedMembers(message);
    this.#target = target;
    this.#delivery = delivery;
    this.#rows = rows;
    this.#subject = subjectFor(target.routerRoute, memberOf(message, 'priority'), null);
    this.#tail = carried === '' ? plainTail : `]${carried}}`;
    // Of exactly this length: lists that grow have room for many more.
    // oxlint-disable-next-line no-new-array
    this.#lengths = new Array<number>(rows.length);
    // oxlint-disable-next-line no-new-array
    this.#kept = new Array<Uint8Array>(rows.length);
  }

  /**
   * Renders one row; returns its bytes.
   * @param bytes of the rows before it
   */
  render(index: number, bytes: number): number {
    const text = rowText(this.#rows[index]!);
    this.#lengths[index] = text.length;
    if (bytes + text.length <= keptBytes) this.#kept[index] = asciiBytes(text);
    return text.length;
  }

  /** @throws TerminalError if the messages of a route cannot be sent, or come to too much */
  admit(route: ForwardRoute): void {
    const frameBytes = headOf(route).length + this.#tail.length;
    const parts = this.#partsOf(route, this.#lengths);
    new Expansion(this.#target.maxExpandedBytes).admit(packedBytes(parts, this.#lengths, frameBytes));
  }

  messages(indexes?: readonly number[]): Iterable<OutgoingMessage> {
    const { forwardRoutes } = this.#target;
    if (this.#rows.length * forwardRoutes.length > maxFew) return this.#oneByOne(indexes);
    const lengths = this.#lengthsOf(indexes);
    return forwardRoutes.flatMap((route) =>
      this.#partsOf(route, lengths).map((part) => this.#messageOf(route, part, lengths, indexes)),
    );
  }

  *#oneByOne(indexes: readonly number[] | undefined): Generator<OutgoingMessage, void, undefined> {
    const lengths = this.#lengthsOf(indexes);
    for (const route of this.#target.forwardRoutes) {
      for (const part of this.#partsOf(route, lengths)) yield this.#messageOf(route, part, lengths, indexes);
    }
  }

  #lengthsOf(indexes: readonly number[] | undefined): readonly number[] {
    return indexes === undefined ? this.#lengths : indexes.map((index) => this.#lengths[index]!);
  }

  #messageOf(
    route: ForwardRoute,
    part: Part,
    lengths: readonly number[],
    indexes: readonly number[] | undefined,
  ): OutgoingMessage {
    const { routerRoute } = this.#target;
    const start = indexes === undefined ? part.start : indexes[part.start]!;
    const end = indexes === undefined ? part.end : indexes[part.end - 1]! + 1;
    return {
      stream: routerRoute.name,
      baseSubject: routerRoute.subject,
      subject: this.#subject,
      payload: this.#payloadOf(headOf(route), part, lengths, indexes),
      id: `${this.#delivery.id}/${route.id}/${rangeOf({ start, end })}`,
    };
  }

  #partsOf(route: ForwardRoute, lengths: readonly number[]): readonly Part[] {
    const { dispatch, maxPayloadBytes } = this.#target;
    const idCharacters = this.#delivery.id.length + route.id.length + maxRangeCharacters;
    const roomBytes = payloadRoomBytes(maxPayloadBytes, idCharacters);
    const maxItems = dispatch === 'individual' ? 1 : Infinity;
    return packTexts(lengths, headOf(route).length + this.#tail.length, roomBytes, maxItems);
  }

  #payloadOf(
    head: string,
    { start, end }: Part,
    lengths: readonly number[],
    indexes: readonly number[] | undefined,
  ): Uint8Array {
    let size = head.length + this.#tail.length + (end - start - 1) * itemSeparator.length;
    for (let at = start; at < end; at += 1) size += lengths[at]!;
    // All text is ASCII. A small one gets a part of a buffer that is there already.
    const payload = Buffer.allocUnsafe(size);
    let position = payload.write(head, 0, 'latin1');
    for (let at = start; at < end; at += 1) {
      if (at > start) position += payload.write(itemSeparator, position, 'latin1');
      const index = indexes === undefined ? at : indexes[at]!;
      payload.set(this.#kept[index] ?? asciiBytes(rowText(this.#rows[index]!)), position);
      position += lengths[at]!;
    }
    payload.write(this.#tail, position, 'latin1');
    return payload;
  }
}

type ForwardRoute = ForwardTarget['forwardRoutes'][number];

const plainTail = ']}';

/** Made once for a route, which nobody changes. */
const headOf = (route: ForwardRoute): string => {
  let head = heads.get(route);
  if (head === undefined) {
    head = `{"type": "query_state_entry", "route_id": ${pythonJson(route.id, { ascii: true })}, "query_state": [`;
    heads.set(route, head);
  }
  return head;
};

const heads = new WeakMap<ForwardRoute, string>();

/** Rows of this size together are rendered once; larger ones again when they are sent, so that they are not all held. */
const keptBytes = 256 * 1024;

const asciiBytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const rowText = (row: JsonObject): string => pythonJson(row, { ascii: true });
