import { nanos, RetentionPolicy, StorageType } from 'nats';
import type { NatsConnection } from '../../shared/nats/connect.ts';
import { ensureStream } from '../../shared/nats/ensure-stream.ts';
import { processors } from './create-states.ts';

/** How long the stream that keeps what is read remembers ids: longer than any round. */
const duplicateWindowMs = 600_000;

/** How long the stream of the store remembers ids. */
const idWindowMs = 2_000;

/** The streams behind the store. Those of the store itself are made by the connector and the publisher, as in a new cluster. */
export const prepareStreams = async (connection: NatsConnection, replicas: number): Promise<void> => {
  const [kept, queue] = processors;
  const manager = await connection.jetstreamManager({ checkAPI: false });
  await manager.streams.add({
    name: kept.stream,
    subjects: [kept.subject, `${kept.subject}.>`],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    num_replicas: replicas,
    duplicate_window: nanos(duplicateWindowMs),
  });
  await ensureStream(connection, { stream: queue.stream, baseSubject: queue.subject });
  // The publisher of the history must not be the first to need it.
  await ensureStream(connection, { stream: 'processor_state_sync', baseSubject: 'processor.state.sync' });
  // An id can be used again after this time: the ledger knows it for longer.
  const { config } = await manager.streams.info('processor_state_sync');
  await manager.streams.update(config.name, { ...config, duplicate_window: nanos(idWindowMs) });
  await ensureStream(connection, { stream: 'processor_state_router', baseSubject: 'processor.state.router' });
};

/** The streams with another number of replicas than there are servers: a fault of one server could take them along. */
export const streamsWithout = async (connection: NatsConnection, replicas: number): Promise<readonly string[]> => {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const wrong: string[] = [];
  for await (const { config } of manager.streams.list()) {
    if (config.num_replicas !== replicas) wrong.push(`${config.name} has ${String(config.num_replicas)} replicas`);
  }
  return wrong;
};
