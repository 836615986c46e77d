import { TerminalError } from '../errors/sync-error.ts';
import { isJsonObject, memberOf, type JsonObject, type JsonValue } from '../json/json-value.ts';
import { parseJson } from '../json/parse-json.ts';
import { cloudEventsBatchType } from './cloud-event.ts';
import type { Delivery, MessageType } from './delivery.ts';
import { boundedIdentity } from './delivery-identity.ts';
import { readEnvelope } from './envelope.ts';
import type { Outcome } from './outcome.ts';
import { toOutcome } from './to-outcome.ts';

/** What a request held: deliveries to plan, and the outcomes of what could not be decoded. */
export interface DecodedRequest {
  /** `batch`: the answer is a BatchReply. `single`: the status code is the outcome. */
  readonly mode: 'batch' | 'single';
  readonly deliveries: readonly Delivery[];
  readonly rejections: readonly Outcome[];
}

export interface DecodeContext {
  /** The message types of this function; others are rejected with `wrong_function`. */
  readonly accepts: readonly MessageType[];
  readonly nowMs: number;
  /** An identity for a bare message that brings none: such a message cannot be recognised when it is sent again. */
  newId(): string;
}

/**
 * Decodes a CloudEvents batch, a single CloudEvent (structured or binary mode, as Knative sends) or a bare message.
 * Never throws and never stops at one bad message; a batch that is no JSON array at all is one rejection with an empty id.
 * @param headers lower-case names
 */
export const decodeRequest = (
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  context: DecodeContext,
): DecodedRequest => {
  const contentType = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (contentType === cloudEventsBatchType) {
    try {
      const events = parseJson(decodeText(body));
      if (!Array.isArray(events)) throw new TerminalError('invalid_envelope', 'the batch is not a JSON array');
      return { mode: 'batch', ...decodeEvents(events, context) };
    } catch (error) {
      return { mode: 'batch', deliveries: [], rejections: [toOutcome('', error)] };
    }
  }
  if (contentType === 'application/cloudevents+json') {
    try {
      const event = parseJson(decodeText(body));
      const attributes = isJsonObject(event) ? attributesOf(eventAttribute(event)) : undefined;
      if (attributes === undefined) throw new TerminalError('invalid_envelope', 'the event has no id');
      return decodeSingle(attributes, () => payloadOf(event as JsonObject), context);
    } catch (error) {
      return { mode: 'single', deliveries: [], rejections: [toOutcome('', error)] };
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
  return decodeSingle(attributes, () => parseJson(decodeText(body)), context);
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

const decodeText = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new TerminalError('invalid_json', 'the message is not UTF-8', { cause });
  }
};

const decodeEvents = (events: readonly JsonValue[], context: DecodeContext): Omit<DecodedRequest, 'mode'> => {
  const deliveries = new Map<string, Delivery>();
  const rejections: Outcome[] = [];
  for (const event of events) {
    const attributes = isJsonObject(event) ? attributesOf(eventAttribute(event)) : undefined;
    // An event without an id cannot be named in the answer: its sender sees a missing result, which is a failure.
    if (attributes === undefined) continue;
    try {
      const delivery = toDelivery(attributes, payloadOf(event as JsonObject), context);
      // The same identity twice in one batch is the same message: one outcome stands for both.
      if (!deliveries.has(delivery.id)) deliveries.set(delivery.id, delivery);
    } catch (error) {
      rejections.push(toOutcome(attributes.identity, error));
    }
  }
  return { deliveries: [...deliveries.values()], rejections };
};

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

const toDelivery = (attributes: Attributes, payload: JsonValue, context: DecodeContext): Delivery => {
  const { message, type } = readEnvelope(payload);
  if (!context.accepts.includes(type)) {
    throw new TerminalError('wrong_function', `this function does not handle messages of type ${type}`);
  }
  const parsedMs = attributes.time === undefined ? Number.NaN : Date.parse(attributes.time);
  return {
    id: attributes.identity,
    subject: attributes.subject,
    timestampMs: Number.isNaN(parsedMs) ? context.nowMs : parsedMs,
    attempt: attributes.attempt,
    traceContext: attributes.traceContext,
    type,
    message,
  };
};

const payloadOf = (event: JsonObject): JsonValue => {
  const base64 = memberOf(event, 'data_base64');
  if (typeof base64 === 'string') return parseJson(decodeText(Buffer.from(base64, 'base64')));
  const data = memberOf(event, 'data');
  if (data === undefined) throw new TerminalError('invalid_envelope', 'the event holds no data');
  return data;
};

const decodeSingle = (attributes: Attributes, read: () => JsonValue, context: DecodeContext): DecodedRequest => {
  try {
    return { mode: 'single', deliveries: [toDelivery(attributes, read(), context)], rejections: [] };
  } catch (error) {
    return { mode: 'single', deliveries: [], rejections: [toOutcome(attributes.identity, error)] };
  }
};
