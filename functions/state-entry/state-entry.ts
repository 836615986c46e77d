import type { CreateMessageApp } from '../../shared/function/load-behind-session.ts';
import { createMessageApp, type RequestParts } from '../../shared/function/message-app.ts';
import { openParts, type Parts } from '../../shared/function/open-parts.ts';
import { openFunctionPool } from '../../shared/function/function-pool.ts';
import { createPlanPace, type PlanPace } from '../../shared/function/plan-pace.ts';
import { memberOf } from '../../shared/json/json-value.ts';
import { readState } from '../../shared/metadata/read-metadata.ts';
import { readPage } from '../../shared/postgres/read-page.ts';
import type { EvaluatorFactory } from '../../shared/state/evaluator.ts';
import { entryContext, type EntryPorts } from './entry-ports.ts';
import { handleEntries } from './handle-entries.ts';
import { replayRows } from './replay/replay-rows.ts';

/** `query_state_entry`, `query_processor_entry` and the replay of a state: entries on their way to processors (reference.md F.2, F.3). */
export const createStateEntry: CreateMessageApp = async (runtime, pool = openFunctionPool(runtime)) => {
  const parts = await openParts(runtime, pool);
  // Whatever comes is passed on.
  parts.bus.warm();
  const { monotonicMs, config } = runtime;
  const pace = createPlanPace({ monotonicMs, maxHeldBytes: config.maxExpandedBytes });
  return createMessageApp(parts, {
    accepts: ['query_state_entry', 'query_processor_entry', 'query_state_route'],
    process: (deliveries, request) =>
      handleEntries(entryContext(entryPorts(parts, request, pace), parts.routing), deliveries),
  });
};

const entryPorts = (parts: Parts, { metadata, database, publish }: RequestParts, pace: PlanPace): EntryPorts => {
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
      const { count } = await readPage(parts.pool, { stateId: id, columns: [], offset: 0, limit: 0 });
      // Not from the cache: a replay must not leave out a column that another replica has just created.
      const model = await readState(parts.pool, id);
      return model === undefined ? undefined : { id, count, columns: model.columns };
    },
    readPage: async ({ id, columns }, offset, limit) => {
      const { rows } = await database.readPage({ stateId: id, columns, offset, limit });
      return replayRows(columns, rows);
    },
    publish,
    maxPayloadBytes: parts.bus.maxPayloadBytes,
    ledger: { read: database.readLedger, recordHandled: database.recordHandled },
    // Without a factory no processor of the request has the mode `expression`: nothing asks it.
    evaluatorFor: (source) => evaluators?.(source) ?? (() => null),
    run: (steps) => pace.open().run(steps),
    nowMs: parts.runtime.monotonicMs,
  };
};
