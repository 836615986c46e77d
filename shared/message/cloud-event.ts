/** Content type of a batch: a JSON array of CloudEvents 1.0 in structured mode. */
export const cloudEventsBatchType = 'application/cloudevents-batch+json';

/** One message of a stream as an event. */
export interface EventSource {
  /** Delivery identity. */
  readonly id: string;
  readonly stream: string;
  readonly sequence: number;
  /** Nanoseconds since the epoch, as text. */
  readonly timestampNs: string;
  readonly subject: string;
  /** The message's type; undefined if it has none. */
  readonly messageType: string | undefined;
  readonly payload: Uint8Array;
  /** Whether the payload is strict JSON in UTF-8: then its bytes go into the event untouched, else as base64. */
  readonly isJson: boolean;
}

/** One try of a message. */
export interface EventTry {
  readonly message: EventSource;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** RFC 3339 with nanoseconds. */
export const rfc3339 = (timestampNs: string, secondsText = rfc3339Seconds): string => {
  const digits = timestampNs.padStart(10, '0');
  return `${secondsText(digits.slice(0, -9))}.${digits.slice(-9)}Z`;
};

/** Bytes that an event adds to its payload, at most, for ids and subjects of usual length. */
export const eventOverheadBytes = 600;

/** The size of the event's data in the body. */
export const eventDataBytes = (payloadBytes: number, isJson: boolean): number =>
  isJson ? payloadBytes : Math.ceil(payloadBytes / 3) * 4;

/** Encodes a batch into one buffer; payloads that are JSON are copied byte for byte. */
export const encodeBatch = (events: readonly EventTry[]): Buffer => {
  const shared = sharedAttributes();
  const attributes: string[] = [];
  let bytes = 2;
  for (const event of events) {
    const { payload, isJson } = event.message;
    const text = attributesOf(event, shared);
    bytes += Buffer.byteLength(text) + eventDataBytes(payload.byteLength, isJson) + (isJson ? 2 : 3);
    attributes.push(text);
  }
  const body = Buffer.allocUnsafe(bytes);
  let offset = body.write('[', 0, 'latin1');
  for (let index = 0; index < events.length; index += 1) {
    if (index > 0) body[offset++] = comma;
    const { payload, isJson } = events[index]!.message;
    offset += body.write(attributes[index]!, offset, 'utf8');
    if (isJson) {
      body.set(payload, offset);
      offset += payload.byteLength;
    } else {
      const { buffer, byteOffset, byteLength } = payload;
      offset += body.write(Buffer.from(buffer, byteOffset, byteLength).toString('base64'), offset, 'latin1');
      body[offset++] = quote;
    }
    body[offset++] = brace;
  }
  offset += body.write(']', offset, 'latin1');
  return body.subarray(0, offset);
};

const rfc3339Seconds = (seconds: string): string => new Date(Number(seconds) * 1_000).toISOString().slice(0, 19);

const comma = 0x2c;
const quote = 0x22;
const brace = 0x7d;

/** What the events of a batch have in common is made once, and again where it changes: most come from one stream and second. */
const sharedAttributes = () => ({
  stream: lastOf((stream) => JSON.stringify(`/nats/${stream}`)),
  type: lastOf((type) => JSON.stringify(`ism.${type}`)),
  subject: lastOf((subject) => JSON.stringify(subject)),
  seconds: lastOf(rfc3339Seconds),
});

/** The function with its last result remembered. */
const lastOf = (make: (text: string) => string): ((text: string) => string) => {
  let known: string | undefined;
  let made = '';
  return (text) => {
    if (text !== known) {
      made = make(text);
      known = text;
    }
    return made;
  };
};

/** Everything of the event before its data. */
const attributesOf = (
  { message, attempt, traceparent, tracestate }: EventTry,
  shared: ReturnType<typeof sharedAttributes>,
): string => {
  const trace =
    (traceparent === undefined ? '' : `,"traceparent":${JSON.stringify(traceparent)}`) +
    (tracestate === undefined ? '' : `,"tracestate":${JSON.stringify(tracestate)}`);
  const time = rfc3339(message.timestampNs, shared.seconds);
  return (
    `{"specversion":"1.0","id":${JSON.stringify(message.id)},"source":${shared.stream(message.stream)}` +
    `,"type":${shared.type(message.messageType ?? 'unknown')},"subject":${shared.subject(message.subject)},"time":"${time}"` +
    `${trace},"attempt":${attempt},"streamsequence":${message.sequence}` +
    (message.isJson ? ',"datacontenttype":"application/json","data":' : ',"data_base64":"')
  );
};
