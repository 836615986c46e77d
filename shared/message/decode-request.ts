import { TerminalError } from '../errors/sync-error.ts';
import { isJsonObject, memberOf, type JsonObject } from '../json/json-value.ts';
import { measureJson, readBytes, type JsonMeasure } from '../json/measure-json.ts';
import { parseJson } from '../json/parse-json.ts';
import { cloudEventsBatchType } from './cloud-event.ts';
import { readConnectorEvent } from './connector-event.ts';
import { contentHash, identityReuse } from './content-hash.ts';
import type { Delivery, MessageType } from './delivery.ts';
import { boundedIdentity } from './delivery-identity.ts';
import { readEnvelope } from './envelope.ts';
import type { Outcome } from './outcome.ts';
import { scanEvent, scanEvents, type EventExtent } from './scan-events.ts';
import { toOutcome } from './to-outcome.ts';

/** What a request held, message by message. */
export interface DecodedRequest {
  /**
   * `batch`: the answer is a BatchReply. `event` and `message`: the status code is the outcome; whoever sends a CloudEvent takes
   * a body for the next event, so it gets none.
   */
  readonly mode: 'batch' | 'event' | 'message';
  /** Each message is read when it is asked for, so that they need not all be in memory at once. */
  readonly messages: Iterable<DecodedMessage>;
}

/** A delivery to plan, with about the bytes that it takes; or the outcome of what could not be decoded. */
export type DecodedMessage = { readonly delivery: Delivery; readonly bytes: number } | { readonly rejection: Outcome };

export interface DecodeContext {
  /** The message types of this function; others are rejected with `wrong_function`. */
  readonly accepts: readonly MessageType[];
  readonly nowMs: number;
  /** An identity for a bare message that brings none: such a message cannot be recognised when it is sent again. */
  newId(): string;
  /** What one message may take when it is read: beyond it, it is rejected with `expansion_too_large`. */
  readonly maxExpandedBytes: number;
}

/**
 * Decodes a CloudEvents batch, a single CloudEvent (structured or binary mode, as Knative sends) or a bare message.
 * Never throws and never stops at one bad message; a batch that is no JSON array at all is one rejection with an empty id.
 * @param headers lower-case names
 */
export const decodeRequest = (
  headers: Readonly<Record<string, string>>,
  bytes: Uint8Array,
  context: DecodeContext,
): DecodedRequest => {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const contentType = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (contentType === cloudEventsBatchType) {
    try {
      const extents = scanEvents(body);
      if (extents === undefined) throw new TerminalError('invalid_envelope', 'the batch is not a JSON array');
      return { mode: 'batch', messages: decodeEvents(body, extents, context) };
    } catch (error) {
      return { mode: 'batch', messages: [{ rejection: toOutcome('', error) }] };
    }
  }
  if (contentType === 'application/cloudevents+json') {
    try {
      const extent = scanEvent(body, 0);
      if (decodeText(body.subarray(extent.end)).trim() !== '') {
        throw new TerminalError('invalid_json', `unexpected text after the event at byte ${extent.end}`);
      }
      const attributes = readAttributes(body, extent);
      if (attributes === undefined) throw new TerminalError('invalid_envelope', 'the event has no id');
      return decodeSingle('event', attributes, () => readPayload(body, extent), context);
    } catch (error) {
      return { mode: 'event', messages: [{ rejection: toOutcome('', error) }] };
    }
  }
  const binary = attributesOf(
    (name) => headers[`ce-${name}`] ?? (name.startsWith('trace') ? headers[name] : undefined),
  );
  const messageId = headers['nats-msg-id'] ?? headers['idempotency-key'];
  const attributes = binary ?? {
    identity: boundedIdentity(`http/${messageId ?? context.newId()}`),
    subject: '',
    time: undefined,
    attempt: 1,
    traceContext: traceContextOf((name) => headers[name]),
  };
  return decodeSingle(binary === undefined ? 'message' : 'event', attributes, () => measured(body), context);
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

const decodeText = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new TerminalError('invalid_json', 'the message is not UTF-8', { cause });
  }
};

function* decodeEvents(
  body: Buffer,
  extents: readonly EventExtent[],
  context: DecodeContext,
): Generator<DecodedMessage> {
  const contents = new Map<string, string>();
  for (const extent of extents) {
    let id = '';
    try {
      const attributes = readAttributes(body, extent);
      // An event without an id cannot be named in the answer: its sender sees a missing result, which is a failure.
      if (attributes === undefined) continue;
      id = attributes.identity;
      const data = readPayload(body, extent);
      const content = contentHash(data.bytes);
      const earlier = contents.get(id);
      // The same message twice in one batch: one outcome stands for both.
      const own = { contentHash: content, stateId: null };
      const reuse = earlier === undefined ? undefined : identityReuse({ ...own, contentHash: earlier }, own);
      if (reuse !== undefined) throw reuse;
      if (earlier !== undefined) continue;
      contents.set(id, content);
      yield toDelivery(attributes, data, content, context);
    } catch (error) {
      yield { rejection: toOutcome(id, error) };
    }
  }
}

/** The bytes of a payload as its sender wrote them. */
interface Payload {
  readonly bytes: Uint8Array;
  readonly measure: JsonMeasure;
}

const measured = (bytes: Uint8Array): Payload => ({ bytes, measure: measureJson(bytes) });

const quoteBytes = 1;
const maxAttributeBytes = 64 * 1024;

const readPayload = (body: Buffer, { data }: EventExtent): Payload => {
  if (data === undefined) throw new TerminalError('invalid_envelope', 'the event holds no data');
  if (!data.isBase64) return { bytes: body.subarray(data.start, data.end), measure: data.measure };
  return measured(Buffer.from(body.toString('latin1', data.start + quoteBytes, data.end - quoteBytes), 'base64'));
};

/** The event without its data, which is read by itself: whatever is wrong with it is its own. Undefined if it has no id. */
const readAttributes = (body: Buffer, { start, end, data }: EventExtent): Attributes | undefined => {
  const attributeBytes = end - start - (data === undefined ? 0 : data.end - data.start);
  if (attributeBytes > maxAttributeBytes) {
    throw new TerminalError('invalid_envelope', `an event has more than ${maxAttributeBytes} bytes beside its data`);
  }
  const endsWithData = data !== undefined && data.end + 1 === end && body[data.end] === closeBrace;
  const own = endsWithData ? readConnectorEvent(body, start, data.start) : undefined;
  if (own !== undefined) {
    const { id, source, subject, time, attempt, traceContext } = own;
    return { identity: eventIdentity(source, id), subject, time, attempt, traceContext };
  }
  const text =
    data === undefined
      ? decodeText(body.subarray(start, end))
      : `${decodeText(body.subarray(start, data.start))}null${decodeText(body.subarray(data.end, end))}`;
  const event = parseJson(text);
  return isJsonObject(event) ? attributesOf(eventAttribute(event)) : undefined;
};

const closeBrace = 125;

interface Attributes {
  readonly identity: string;
  readonly subject: string;
  readonly time: string | undefined;
  readonly attempt: number;
  readonly traceContext: Readonly<Record<string, string>>;
}

const attributesOf = (get: (name: string) => string | undefined): Attributes | undefined => {
  const id = get('id');
  if (id === undefined || id === '') return undefined;
  return {
    identity: eventIdentity(get('source') ?? '', id),
    subject: get('subject') ?? '',
    time: get('time'),
    attempt: Number(get('attempt') ?? 1) || 1,
    traceContext: traceContextOf(get),
  };
};

/** The connector's ids are scoped by stream already; of any other event `source` and `id` together are unique. */
const eventIdentity = (source: string, id: string): string =>
  boundedIdentity(source.startsWith('/nats/') ? id : `${source}#${id}`);

const traceContextOf = (get: (name: string) => string | undefined): Record<string, string> => {
  const context: Record<string, string> = {};
  for (const name of ['traceparent', 'tracestate', 'baggage']) {
    const value = get(name);
    if (value !== undefined) context[name] = value;
  }
  return context;
};

const eventAttribute =
  (event: JsonObject) =>
  (name: string): string | undefined => {
    const value = memberOf(event, name);
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
  };

const toDelivery = (
  attributes: Attributes,
  payload: Payload,
  content: string,
  context: DecodeContext,
): DecodedMessage => {
  const { measure } = payload;
  const bytes = readBytes(measure);
  if (bytes > context.maxExpandedBytes) {
    throw new TerminalError(
      'expansion_too_large',
      `the message takes ${bytes} bytes when it is read, the limit is ${context.maxExpandedBytes}`,
    );
  }
  const { message, type } = readEnvelope(parseJson(decodeText(payload.bytes), measure.members));
  if (!context.accepts.includes(type)) {
    throw new TerminalError('wrong_function', `this function does not handle messages of type ${type}`);
  }
  const parsedMs = attributes.time === undefined ? Number.NaN : Date.parse(attributes.time);
  const delivery = {
    id: attributes.identity,
    subject: attributes.subject,
    timestampMs: Number.isNaN(parsedMs) ? context.nowMs : parsedMs,
    attempt: attributes.attempt,
    traceContext: attributes.traceContext,
    contentHash: content,
    type,
    message,
  };
  return { delivery, bytes };
};

const decodeSingle = (
  mode: 'event' | 'message',
  attributes: Attributes,
  read: () => Payload,
  context: DecodeContext,
): DecodedRequest => {
  try {
    const payload = read();
    return { mode, messages: [toDelivery(attributes, payload, contentHash(payload.bytes), context)] };
  } catch (error) {
    return { mode, messages: [{ rejection: toOutcome(attributes.identity, error) }] };
  }
};
