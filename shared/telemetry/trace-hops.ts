import { createTraceState, trace, type Context } from '@opentelemetry/api';

/** Our member of the `tracestate` header: how often the trace went through a forward of ours. */
const member = 'ism';

/**
 * Forwards after which a trace ends and a new one begins, linked to it: processors that feed each other in a circle would
 * else grow one trace for ever. Messages are not affected.
 */
export const maxTraceHops = 32;

/** Forwards so far; every tracing library passes `tracestate` on, so the count survives processors that are not ours. */
export const traceHops = (context: Context): number => {
  const text = trace.getSpanContext(context)?.traceState?.get(member) ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
};

/** The same span with one hop more. */
export const nextHop = (context: Context): Context => {
  const span = trace.getSpanContext(context);
  if (span === undefined) return context;
  const traceState = (span.traceState ?? createTraceState()).set(member, String(traceHops(context) + 1));
  return trace.setSpanContext(context, { ...span, traceState });
};
