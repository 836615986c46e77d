import { headers as createHeaders, type Msg, type MsgHdrs } from 'nats';

/** Begins a block of headers. */
export const headerStart = 'NATS/1.0';

/** Bytes of subject, reply, headers and payload. */
export const wireBytes = (message: Msg): number =>
  // The client's messages know it, its type does not say so.
  'size' in message && typeof message.size === 'function' ? Number(message.size()) : message.data.byteLength;

/**
 * The headers of a message, even if the client refuses to decode them. The server passes on whatever another client
 * wrote, such as a space in a name or a lone line feed in a value. An exception from here would end the client's
 * reading for good. What could not be sent on is percent-encoded.
 */
export const readHeaders = (message: Msg): MsgHdrs | undefined => {
  try {
    return message.headers;
  } catch {
    return parseHeaders(rawHeaders(message, message.data));
  }
};

/** The headers of a block as it is on the wire; undefined if it is none. */
export const parseHeaders = (block: string): MsgHdrs | undefined => {
  const [first, ...lines] = block.split('\r\n');
  if (first?.startsWith(headerStart) !== true) return undefined;
  return buildHeaders(
    lines.flatMap((line): (readonly [string, string])[] => {
      const colon = line.indexOf(':');
      return colon === -1 ? [] : [[headerName(line.slice(0, colon)), line.slice(colon + 1).trim()]];
    }),
  );
};

/** Names of the W3C trace context. */
export const traceHeaders = ['traceparent', 'tracestate', 'baggage'] as const;

/** The first value of a header whatever its case (Go clients write `Traceparent`), or undefined. */
export const headerValue = (headers: MsgHdrs | undefined, name: string): string | undefined => {
  if (headers === undefined) return undefined;
  // The exact name is the common case and spares a walk over all names.
  const exact = headers.get(name);
  if (exact !== '') return exact;
  const wanted = name.toLowerCase();
  for (const key of headers.keys()) {
    if (key.toLowerCase() === wanted) return headers.get(key);
  }
  return undefined;
};

/** W3C trace context by lower-case name; only the names that are there. */
export const traceContextOf = (headers: MsgHdrs | undefined): Record<string, string> => {
  const context: Record<string, string> = {};
  if (headers === undefined) return context;
  for (const name of traceHeaders) {
    const value = headerValue(headers, name);
    if (value !== undefined) context[name] = value;
  }
  return context;
};

/** Every header with its values, names as they were written. */
export const headerEntries = (headers: MsgHdrs | undefined): readonly (readonly [string, readonly string[]])[] =>
  headers === undefined ? [] : headers.keys().map((name) => [name, headers.values(name)] as const);

/** The block of headers as it came: the bytes before the payload, which the client keeps in one piece. */
export const rawHeaders = (message: Msg, { buffer, byteOffset, byteLength: payloadBytes }: Uint8Array): string => {
  const { subject, reply = '' } = message;
  const byteLength = wireBytes(message) - payloadBytes - Buffer.byteLength(subject) - Buffer.byteLength(reply);
  if (byteLength <= 0 || byteLength > byteOffset) return '';
  return Buffer.from(buffer, byteOffset - byteLength, byteLength).toString('utf8');
};

/** Builds headers from pairs; a name may come more than once. */
export const buildHeaders = (entries: Iterable<readonly [string, string | readonly string[]]>): MsgHdrs => {
  const headers = createHeaders();
  for (const [name, values] of entries) {
    for (const value of typeof values === 'string' ? [values] : values) headers.append(name, headerText(value));
  }
  return headers;
};

/** The headers of a message with its id, as a block. The client keeps each name with a list of values, which costs several times as much. */
export const headerBlock = (
  messageId: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): string => {
  let block = `${headerStart}\r\nNats-Msg-Id: ${headerText(messageId).trim()}`;
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || !isTraceHeader.has(name)) {
      const all = buildHeaders([['Nats-Msg-Id', messageId], ...Object.entries(headers)]);
      return Buffer.from((all as MsgHdrs & EncodedHeaders).encode()).toString();
    }
    block += `\r\n${name}: ${headerText(value).trim()}`;
  }
  return `${block}\r\n\r\n`;
};

/** What the client asks of headers that it sends; its own type does not say so. */
interface EncodedHeaders {
  encode(): Uint8Array;
}

/** Headers that are a block already, for the client's `publish` alone. */
export const encodedHeaders = (block: string): MsgHdrs =>
  ({ encode: () => Buffer.from(block) }) satisfies EncodedHeaders as Partial<MsgHdrs> as MsgHdrs;

const isTraceHeader: ReadonlySet<string> = new Set(traceHeaders);

/** A name that may be sent: what may not stand in one is percent-encoded. */
const headerName = (name: string): string =>
  name.replaceAll(/[^!-9;-~]/gu, (character) => encodeURIComponent(character)) || '%';

/** A value that fits a header line: what would end the line is percent-encoded. */
const headerText = (value: string): string =>
  isVisible.test(value) ? value : value.replaceAll(lineEnding, (character) => encodeURIComponent(character));

/** Nothing but visible ASCII, as nearly all values are: told in a fraction of the time. */
const isVisible = /^[ -~]*$/;

// oxlint-disable-next-line no-control-regex
const lineEnding = /[\u0000-\u001f\u007f]/g;
