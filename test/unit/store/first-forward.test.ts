import { expect, it } from 'vitest';
import { RetryableError } from '../../../shared/errors/sync-error.ts';
import { contentHash } from '../../../shared/message/content-hash.ts';
import { storeDeliveries } from '../../../shared/store/store-deliveries.ts';
import type { StorePorts, StoreTarget } from '../../../shared/store/store-ports.ts';
import { createModelPorts } from '../../support/delivery-model-ports.ts';
import { createModelStore } from '../../support/delivery-model-store.ts';
import { column, parseObject, stateModel } from '../../support/model-fixtures.ts';

const target: StoreTarget = {
  stateId: 'a',
  scope: new Map(),
  delivery: {
    id: 'one',
    subject: '',
    timestampMs: 1,
    attempt: 1,
    traceContext: {},
    contentHash: contentHash(Buffer.from('one')),
    type: 'query_state_direct',
    message: parseObject('{"type":"query_state_direct","query_state":[{"message":"one","row":"0"}]}'),
  },
};

const portsWith = (more: Partial<StorePorts>): StorePorts => ({
  ...createModelPorts(createModelStore(['a'], undefined), (effect) => Promise.resolve(effect())),
  state: (id) => {
    const columns = [column({ id: '1', name: 'message' }), column({ id: '2', name: 'row' })];
    return Promise.resolve(stateModel({ id, columns, properties: parseObject('{"routing":{"mode":"after_save"}}') }));
  },
  ...more,
});

it('a message that may be passed on has the message server asked before the database has said who stands behind its state', async () => {
  const asked: string[] = [];
  const ports = portsWith({
    maxPayloadBytes: () => {
      asked.push('message server');
      return Promise.resolve(1_000_000);
    },
    forwardRoutes: async () => {
      asked.push('database');
      return [];
    },
  });
  expect(await storeDeliveries([target], ports)).toEqual([{ id: 'one', outcome: 'ack' }]);
  expect(asked).toEqual(['message server', 'database']);
});

it('a state that nothing stands behind is stored without a message server', async () => {
  const ports = portsWith({
    maxPayloadBytes: () => Promise.reject(new RetryableError('nats_unavailable', 'away')),
    forwardRoutes: () => Promise.resolve([]),
  });
  expect(await storeDeliveries([target], ports)).toEqual([{ id: 'one', outcome: 'ack' }]);
});
