/** The trace id of a W3C `traceparent`, or undefined. */
export const traceIdOf = (traceparent: string | undefined): string | undefined => {
  const id = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '')?.[1];
  return id === undefined || /^0+$/.test(id) ? undefined : id;
};

/** Where a trace is looked at; null where no Jaeger is configured or the message has no trace. */
export const traceLink = (jaegerUrl: string | undefined, traceId: string | undefined): string | null =>
  jaegerUrl === undefined || traceId === undefined ? null : `${jaegerUrl.replace(/\/+$/, '')}/trace/${traceId}`;
