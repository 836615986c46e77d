import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../shared/errors/sync-error.ts';
import type { ErrorCode } from '../../../shared/errors/error-code.ts';
import { contentHash } from '../../../shared/message/content-hash.ts';
import type { ExpressionScope } from '../../../shared/state/evaluator.ts';
import { storeDeliveries } from '../../../shared/store/store-deliveries.ts';
import type { StoreTarget } from '../../../shared/store/store-ports.ts';
import { createModelPorts } from '../../support/delivery-model-ports.ts';
import { createModelStore } from '../../support/delivery-model-store.ts';
import { column, parseObject, stateModel } from '../../support/model-fixtures.ts';

const targetOf = (id: string, stateId: string, failsWith?: ErrorCode): StoreTarget => ({
  stateId,
  scope: async (): Promise<ExpressionScope> => {
    if (failsWith !== undefined) throw new RetryableError(failsWith as 'unknown_processor', 'not now');
    return new Map();
  },
  delivery: {
    id,
    subject: '',
    timestampMs: 1,
    attempt: 1,
    traceContext: {},
    contentHash: contentHash(Buffer.from(id)),
    type: 'query_state_direct',
    message: parseObject(`{"type":"query_state_direct","query_state":[{"message":"${id}","row":"0"}]}`),
  },
});

describe('a message that is tried again', () => {
  it('holds back the later ones of its state, and neither the earlier ones nor those of another state', async () => {
    const store = createModelStore(['a', 'b'], undefined);
    const columns = [
      column({ id: '1', name: 'message' }),
      column({ id: '2', name: 'row' }),
      column({ id: '3', name: 'made', value: '1', callable: true }),
    ];
    const ports = {
      ...createModelPorts(store, (effect) => Promise.resolve(effect())),
      state: (id: string) => Promise.resolve(stateModel({ id, columns })),
      evaluators: () => Promise.resolve(() => () => 1),
      forwardRoutes: () => Promise.resolve([]),
    };
    const outcomes = await storeDeliveries(
      [
        targetOf('a1', 'a'),
        targetOf('a2', 'a', 'unknown_processor'),
        targetOf('a3', 'a'),
        targetOf('b1', 'b'),
        targetOf('a4', 'a'),
      ],
      ports,
    );
    const said = new Map(outcomes.map((one) => [one.id, one.outcome === 'ack' ? 'ack' : one.code]));
    expect(Object.fromEntries(said)).toEqual({
      a1: 'ack',
      a2: 'unknown_processor',
      a3: 'held_back',
      a4: 'held_back',
      b1: 'ack',
    });
    expect([store.isKnown('a1'), store.isKnown('a3'), store.isKnown('b1')]).toEqual([true, false, true]);
  });
});
