import { connectNats, type NatsConnection, type NatsConnectOptions } from './connect.ts';
import { createJetStreamPublisher } from './jetstream-publisher.ts';
import { publishCore } from './publish-core.ts';
import type { OutgoingMessage, Publisher } from '../message/outgoing-message.ts';

/** One connection and the two ways to publish through it. */
export interface BusLine {
  readonly connection: NatsConnection;
  /** Confirmed by JetStream. */
  readonly publisher: Publisher;
  /** Best effort, for routes without JetStream (publish-core.ts). */
  publishCore(messages: readonly OutgoingMessage[]): Promise<void>;
}

/** Connects; rejects if the server cannot be reached. */
export const openBusLine = async (options: NatsConnectOptions): Promise<BusLine> => {
  const connection = await connectNats(options);
  return {
    connection,
    publisher: createJetStreamPublisher(connection),
    publishCore: (messages) => publishCore(connection, messages),
  };
};
