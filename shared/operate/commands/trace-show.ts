import { CommandError } from '../command-error.ts';
import { traceLink } from '../describe-dead-letter.ts';
import { noTraceSource } from '../find-trace.ts';
import type { ManageCommand } from '../manage-context.ts';

/** `trace.show` {trace_id}: the spans of a trace by their start, from Jaeger's query API or the collector of `npm start`. */
export const traceShow: ManageCommand = async (args, context) => {
  const traceId = args.text('trace_id', 32).toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId)) args.fault('trace_id must have 32 hex digits');
  args.check();
  const traceUrl = traceLink(context.jaegerUrl, traceId);
  if (context.traces === undefined) return { traceId, traceUrl, spans: [], reason: noTraceSource };
  try {
    const spans = await context.traces.spans(traceId);
    const reason = spans.length === 0 ? 'the trace store does not know it, or not any more' : '';
    return { traceId, traceUrl, spans, reason };
  } catch (cause) {
    const reason = `the trace store does not answer at ${context.traces.url}`;
    throw new CommandError(503, 'trace_store_unavailable', reason, { cause });
  }
};
