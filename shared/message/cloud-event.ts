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
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly payload: Uint8Array;
  /** Whether the payload is strict JSON in UTF-8: then its bytes go into the event untouched, else as base64. */
  readonly isJson: boolean;
}

/** RFC 3339 with nanoseconds. */
export const rfc3339 = (timestampNs: string): string => {
  const digits = timestampNs.padStart(10, '0');
  const seconds = Number(digits.slice(0, -9));
  return `${new Date(seconds * 1_000).toISOString().slice(0, 19)}.${digits.slice(-9)}Z`;
};

/** Bytes that an event adds to its payload, at most, for ids and subjects of usual length. */
export const eventOverheadBytes = 600;

/** The size of the event's data in the body. */
export const eventDataBytes = (payloadBytes: number, isJson: boolean): number =>
  isJson ? payloadBytes : Math.ceil(payloadBytes / 3) * 4;

/** Encodes a batch into one buffer; payloads that are JSON are copied byte for byte. */
export const encodeBatch = (events: readonly EventSource[]): Buffer => {
  const attributes = events.map(attributesOf);
  let bytes = 2;
  for (const [index, event] of events.entries()) {
    const data = eventDataBytes(event.payload.byteLength, event.isJson);
    bytes += Buffer.byteLength(attributes[index]!) + data + (event.isJson ? 1 : 2) + (index > 0 ? 1 : 0);
  }
  const body = Buffer.allocUnsafe(bytes);
  let offset = body.write('[', 0, 'latin1');
  for (const [index, event] of events.entries()) {
    if (index > 0) offset += body.write(',', offset, 'latin1');
    offset += body.write(attributes[index]!, offset, 'utf8');
    if (event.isJson) {
      body.set(event.payload, offset);
      offset += event.payload.byteLength;
      offset += body.write('}', offset, 'latin1');
    } else {
      const { buffer, byteOffset, byteLength } = event.payload;
      offset += body.write(Buffer.from(buffer, byteOffset, byteLength).toString('base64'), offset, 'latin1');
      offset += body.write('"}', offset, 'latin1');
    }
  }
  body.write(']', offset, 'latin1');
  return body;
};

/** Everything of the event before its data. */
const attributesOf = (event: EventSource): string => {
  const trace =
    (event.traceparent === undefined ? '' : `,"traceparent":${JSON.stringify(event.traceparent)}`) +
    (event.tracestate === undefined ? '' : `,"tracestate":${JSON.stringify(event.tracestate)}`);
  const type = event.messageType === undefined ? 'ism.unknown' : `ism.${event.messageType}`;
  return (
    `{"specversion":"1.0","id":${JSON.stringify(event.id)},"source":${JSON.stringify(`/nats/${event.stream}`)}` +
    `,"type":${JSON.stringify(type)},"subject":${JSON.stringify(event.subject)},"time":"${rfc3339(event.timestampNs)}"` +
    `${trace},"attempt":${event.attempt},"streamsequence":${event.sequence}` +
    (event.isJson ? ',"datacontenttype":"application/json","data":' : ',"data_base64":"')
  );
};
