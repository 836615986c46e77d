import type { FunctionApp, FunctionRuntime } from '../../shared/function/run-function.ts';
import { memberOf } from '../../shared/json/json-value.ts';
import type { Delivery } from '../../shared/message/delivery.ts';
import type { Outcome } from '../../shared/message/outcome.ts';
import type { OutgoingMessage } from '../../shared/message/outgoing-message.ts';
import { readLedger, recordHandled } from '../../shared/postgres/ledger.ts';
import { readState } from '../../shared/metadata/read-metadata.ts';
import { readPage } from '../../shared/postgres/read-page.ts';
import type { EvaluatorFactory } from '../../shared/state/evaluator.ts';
import { createRequestHandler } from '../../shared/function/handle-request.ts';
import { openParts, type Parts } from '../../shared/function/open-parts.ts';
import { traceMetadata } from '../../shared/metadata/traced-metadata.ts';
import type { RequestTrace } from '../../shared/telemetry/request-trace.ts';
import { tracePublish } from '../../shared/telemetry/trace-publish.ts';
import { extractContext, injectContext, SpanKind, withSpan, type Context } from '../../shared/telemetry/trace.ts';
import { entryContext } from './entry-context.ts';
import type { EntryPorts } from './entry-ports.ts';
import { handleEntries } from './handle-entry.ts';
import { replayRows } from './replay-rows.ts';

/** `query_state_entry`, `query_processor_entry` and the replay of a state: entries on their way to processors (reference.md F.2, F.3). */
export const createStateEntry = async (runtime: FunctionRuntime): Promise<FunctionApp> => {
  const parts = await openParts(runtime);
  // Whatever comes is passed on.
  parts.bus.warm();
  const process = (deliveries: readonly Delivery[], trace: RequestTrace): Promise<readonly Outcome[]> =>
    handleEntries(entryContext(portsFor(parts, trace, deliveries), parts.routing), deliveries);
  return {
    handle: createRequestHandler({
      functionName: runtime.name,
      accepts: ['query_state_entry', 'query_processor_entry', 'query_state_route'],
      nowMs: runtime.nowMs,
      monotonicMs: runtime.monotonicMs,
      deadlineMs: runtime.config.deadlineMs,
      log: runtime.log,
      metrics: parts.metrics,
      process,
    }),
    metrics: parts.metricsText,
    close: parts.close,
  };
};

const portsFor = (parts: Parts, trace: RequestTrace, deliveries: readonly Delivery[]): EntryPorts => {
  const { pool, bus } = parts;
  const metadata = traceMetadata(parts.metadata, trace, deliveries);
  let evaluators: EvaluatorFactory | undefined;
  return {
    loadRoute: metadata.findRoute,
    loadProcessor: async (id) => {
      const processor = await metadata.findProcessor(id);
      // The interpreter is loaded for the processors that partition by an expression, before it is asked for.
      if (processor?.properties && memberOf(processor.properties, 'concurrencyMode') === 'expression') {
        evaluators ??= await parts.evaluators();
      }
      return processor;
    },
    loadState: async (id) => {
      // The count first: a column is there before the rows that fill it, so that every row counted here has all of its own.
      const { count } = await readPage(pool, { stateId: id, columns: [], offset: 0, limit: 0 });
      // Not from the cache: a replay must not leave out a column that another replica has just created.
      const model = await readState(pool, id);
      return model === undefined ? undefined : { id, count, columns: model.columns };
    },
    readPage: ({ id, columns }, offset, limit) =>
      withSpan('select state_column_data', trace.work, pageSpan(id), async ({ span }) => {
        const { rows } = await readPage(pool, { stateId: id, columns, offset, limit });
        span.setAttributes({ 'ism.offset': offset, 'db.response.returned_rows': rows.length });
        return replayRows(columns, rows);
      }),
    maxPayloadBytes: () => bus.maxPayloadBytes(),
    headersFor: ({ id }) => injectContext(trace.of(id)),
    publish: (messages) =>
      tracePublish(
        messages,
        (index) => contextOf(messages[index]),
        (traced) => bus.publish(traced),
      ),
    ledger: {
      read: (ids) =>
        trace.share({
          ...ledgerSpan('select', ids),
          run: () => readLedger(pool, ids),
          describe: (found) => ({ 'ism.ledger.hits': found.size }),
          describeOwn: (found) => (id) => ({ 'ism.ledger.hits': found.has(id) ? 1 : 0 }),
        }),
      recordHandled: (handled) => {
        const ids = handled.map(({ id }) => id);
        return trace.share({ ...ledgerSpan('insert', ids), run: () => recordHandled(pool, handled) });
      },
    },
    evaluatorFor: (source) => {
      const factory = evaluators;
      // Only reached where the mode is not `expression`, so that nothing asks it.
      return factory ? factory(source) : () => null;
    },
    nowMs: parts.runtime.monotonicMs,
  };
};

const pageSpan = (stateId: string) => ({
  kind: SpanKind.CLIENT,
  attributes: {
    'db.system.name': 'postgresql',
    'db.operation.name': 'select',
    'db.collection.name': 'state_column_data',
    'ism.state.id': stateId,
  },
});

/** The trace that a planned message belongs to: the context that `headersFor` put into its headers. */
const contextOf = (message: OutgoingMessage | undefined): Context => {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message?.headers ?? {})) {
    if (typeof value === 'string') headers[name] = value;
  }
  return extractContext(headers);
};

const ledgerSpan = (operation: 'select' | 'insert', deliveryIds: readonly string[]) => ({
  name: `${operation} ledger`,
  kind: SpanKind.CLIENT,
  attributes: {
    'db.system.name': 'postgresql',
    'db.operation.name': operation,
    'db.collection.name': 'ledger',
    ...(deliveryIds.length > 1 ? { 'db.operation.batch.size': deliveryIds.length } : {}),
  },
  deliveryIds,
});
