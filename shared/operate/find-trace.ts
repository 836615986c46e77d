import { traceLink } from './describe-dead-letter.ts';
import type { ManageContext } from './manage-context.ts';

/** The trace of a delivery, or why there is none to look at. */
export interface FoundTrace {
  readonly traceId: string | null;
  readonly traceUrl: string | null;
  /** Empty if there is a trace. */
  readonly reason: string;
}

/** What to do where no trace store is configured. */
export const noTraceSource = 'no trace store is named: set JAEGER_QUERY_URL or JAEGER_UI_URL';

/** Asks the trace store for a delivery: nothing of a trace is kept in the ledger, where it would cost every append. */
export const findTrace = async (
  context: ManageContext,
  delivery: { readonly identity: string; readonly storedTime: string } | null,
): Promise<FoundTrace> => {
  const none = (reason: string): FoundTrace => ({ traceId: null, traceUrl: null, reason });
  if (delivery === null) return none('the delivery is not known');
  if (context.traces === undefined) return none(noTraceSource);
  try {
    const traceId = await context.traces.traceOf(delivery.identity, Date.parse(delivery.storedTime));
    if (traceId === undefined)
      return none('the trace store has none of it: it was not sampled, or is not kept any more');
    return { traceId, traceUrl: traceLink(context.jaegerUrl, traceId), reason: '' };
  } catch (error) {
    context.onError('ask the trace store', error);
    return none(`the trace store does not answer at ${context.traces.url}`);
  }
};
