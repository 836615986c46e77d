import type { NatsConnection } from './connect.ts';
import { headerEntries, readHeaders } from './headers.ts';
import type { HeaderEntry } from '../message/dead-letter.ts';

export interface WatchedMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: readonly HeaderEntry[];
}

/**
 * Hears what is published to the subjects from now on, without a consumer: it takes nothing from anyone and may miss
 * messages while it is away. Returns the end of it.
 */
export const watchSubjects = async (
  connection: NatsConnection,
  subjects: readonly string[],
  onMessage: (message: WatchedMessage) => void,
): Promise<() => void> => {
  const subscriptions = subjects.map((subject) =>
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        onMessage({ subject: message.subject, payload: message.data, headers: headerEntries(readHeaders(message)) });
      },
    }),
  );
  // Only now the server listens for us.
  await connection.flush();
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  };
};
