import { headers as createHeaders, type MsgHdrs } from 'nats';

const traceHeaders = ['traceparent', 'tracestate', 'baggage'] as const;

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

/** A value that fits a header line: what would end the line is percent-encoded. */
export const headerText = (value: string): string =>
  // oxlint-disable-next-line no-control-regex
  value.replaceAll(/[\u0000-\u001f\u007f]/g, (character) => encodeURIComponent(character));

/** Builds headers from pairs; a name may come more than once. */
export const buildHeaders = (entries: Iterable<readonly [string, string | readonly string[]]>): MsgHdrs => {
  const headers = createHeaders();
  for (const [name, values] of entries) {
    for (const value of typeof values === 'string' ? [values] : values) headers.append(name, headerText(value));
  }
  return headers;
};
