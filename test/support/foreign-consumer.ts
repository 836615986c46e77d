import { AckPolicy, DeliverPolicy, type Consumer, type NatsConnection } from 'nats';

/** The durable of the sync stream as the system that we take over from makes it, to be read by hand. */
export const makeTheirConsumer = async (nats: NatsConnection, ackWaitSeconds: number): Promise<Consumer> => {
  const isNew = !/^2\.[0-9]\./.test(nats.info?.version ?? '');
  const manager = await nats.jetstreamManager({ checkAPI: false });
  await manager.consumers.add('processor_state_sync', {
    durable_name: 'processor_state_sync_sub_1',
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: ackWaitSeconds * 1e9,
    max_ack_pending: 1_000,
    ...(isNew ? { filter_subjects: ['processor.state.sync', 'processor.state.sync.>'] } : {}),
  });
  return await nats.jetstream().consumers.get('processor_state_sync', 'processor_state_sync_sub_1');
};
