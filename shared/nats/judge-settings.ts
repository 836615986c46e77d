import type { NatsConnection } from './connect.ts';
import { judgeConsumer, type ConsumerFields, type ConsumerVerdict } from './consumer-rules.ts';
import { findStream } from './ensure-stream.ts';
import { jetstreamManager } from './jetstream-api.ts';
import { judgeStream, type StreamFields } from './stream-rules.ts';

/** What the settings of a stream and of its durables cost. */
export interface SettingsVerdict {
  readonly replicas: number;
  /** The server is one of a cluster, so that there could be more. */
  readonly isClustered: boolean;
  readonly warnings: readonly string[];
  readonly consumers: readonly (ConsumerVerdict & { readonly name: string })[];
}

/**
 * Judges a stream and its durables by every field that they may have; undefined if there is no such stream.
 * @throws Error of the client if the server does not answer
 */
export const judgeSettings = async (
  connection: NatsConnection,
  stream: string,
): Promise<SettingsVerdict | undefined> => {
  const info = await findStream(connection, stream);
  if (info === undefined) return undefined;
  const { config, state } = info;
  const manager = await jetstreamManager(connection);
  const consumers = state.consumer_count === 0 ? [] : await manager.consumers.list(stream).next();
  const largestMessageBytes =
    config.max_msg_size > 0 ? config.max_msg_size : (connection.info?.max_payload ?? 1_048_576);
  return {
    replicas: config.num_replicas,
    isClustered: (connection.info as { readonly cluster?: string } | undefined)?.cluster !== undefined,
    warnings: judgeStream(config as unknown as StreamFields),
    consumers: consumers.map((consumer) => ({
      name: consumer.name,
      ...judgeConsumer(consumer.config as unknown as ConsumerFields, {
        largestMessageBytes,
        nowMs: Date.parse(consumer.ts ?? ''),
      }),
    })),
  };
};
