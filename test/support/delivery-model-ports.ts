import type { PublishOutcome } from '../../shared/message/outgoing-message.ts';
import type { AppendedDelivery } from '../../shared/postgres/append-request.ts';
import type { Route } from '../../shared/state/state-model.ts';
import { createPlanPace } from '../../shared/function/plan-pace.ts';
import type { StorePorts } from '../../shared/store/store-ports.ts';
import type { ModelStore } from './delivery-model-store.ts';
import { column, parseObject, stateModel } from './model-fixtures.ts';
import { routeConfig } from './route-config.ts';

const properties = parseObject(
  '{"persistence": {"mode": "individual_rows"}, "routing": {"mode": "after_save", "dispatch": "individual"}}',
);
const columns = [column({ id: '1', name: 'message' }), column({ id: '2', name: 'row' })];
const route = (stateId: string): Route => ({
  id: `to-${stateId}`,
  processorId: 'p',
  stateId,
  direction: 'INPUT',
  status: null,
  count: null,
  currentIndex: null,
  maximumIndex: null,
});

/**
 * What a function of the model works with.
 * @param gated waits until it is this step's turn; it may then fail before its effect, or after it
 */
export const createModelPorts = (store: ModelStore, gated: <T>(effect: () => T) => Promise<T>): StorePorts => ({
  state: (id) => Promise.resolve(stateModel({ id, columns, properties })),
  forwardRoutes: (id) => Promise.resolve([route(id)]),
  forgetState: () => undefined,
  append: async (request) => {
    const done = new Map<string, AppendedDelivery>();
    // As the real one: what was not known runs again by itself, and others may come between.
    for (let open = request.deliveries; open.length > 0; open = open.filter(({ id }) => !done.has(id))) {
      const waiting = open;
      for (const result of await gated(() => store.appendOnce(request.stateId, waiting))) done.set(result.id, result);
    }
    return { deliveries: request.deliveries.map(({ id }) => done.get(id)!), columns: request.columns };
  },
  markForwarded: (ids) => gated(() => store.noteForwarded(ids)),
  readLedger: (ids) => gated(() => store.readLedger(ids)),
  maxPayloadBytes: () => Promise.resolve(1_048_576),
  // Each message by itself: a process can die between any two of them.
  publish: async (messages) => {
    const outcomes: PublishOutcome[] = [];
    for (const message of messages) {
      try {
        await gated(() => store.publish(message));
        outcomes.push({ ok: true, duplicate: false, sequence: 1 });
      } catch (error) {
        outcomes.push({ ok: false, error: error as Error });
      }
    }
    return outcomes;
  },
  evaluators: () => Promise.reject(new Error('no expressions here')),
  routerRoute: routeConfig('processor/state/router', 'router'),
  flatten: 'lossless',
  maxExpandedBytes: 64 * 1024 * 1024,
  maxStateColumns: 1_000,
  pace: createPlanPace({ monotonicMs: () => 0, maxHeldBytes: 64 * 1024 * 1024 }),
  onStored: () => undefined,
});
