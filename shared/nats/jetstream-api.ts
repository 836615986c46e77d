import { createInbox, type JetStreamManager } from 'nats';
import type { NatsConnection } from './connect.ts';

/** The subject of a call to the JetStream API that this connection uses. */
export const apiSubject = (connection: NatsConnection, call: string): string =>
  `${connection.access?.apiPrefix ?? '$JS.API'}.${call}`;

/** The client's manager for the JetStream API that this connection uses; asks the server nothing. */
export const jetstreamManager = async (connection: NatsConnection, timeoutMs?: number): Promise<JetStreamManager> =>
  await connection.jetstreamManager({
    checkAPI: false,
    apiPrefix: connection.access?.apiPrefix ?? '$JS.API',
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });

/** A subject of our own for answers, which the user may subscribe to. */
export const newInbox = (connection: NatsConnection): string => createInbox(connection.access?.inboxPrefix ?? '_INBOX');
