import type { NatsConnection } from './connect.ts';
import { jetstreamManager } from './jetstream-api.ts';

/** How far a consumer is behind its stream. */
export interface ConsumerLag {
  readonly stream: string;
  readonly consumer: string;
  /** Not delivered yet, and delivered but not settled. */
  readonly messages: number;
}

/**
 * The server is asked, because the lag matters most when a reader stops reading, and then what it has seen last says
 * nothing.
 * @throws Error of the client if the server does not answer or does not know the consumer
 */
export const readConsumerLag = async (
  connection: NatsConnection,
  { stream, durable }: { readonly stream: string; readonly durable: string },
): Promise<ConsumerLag> => {
  const manager = await jetstreamManager(connection, 2_000);
  const info = await manager.consumers.info(stream, durable);
  return { stream, consumer: durable, messages: info.num_pending + info.num_ack_pending };
};
