import type { NatsConnection } from './connect.ts';

/**
 * Calls back when the server says that the stream was deleted; returns how to end that. A user who may not listen to the
 * server's advisories hears nothing.
 */
export const watchDeletion = (connection: NatsConnection, stream: string, onDeleted: () => void): (() => void) => {
  const subscription = connection.subscribe(
    `${connection.access?.eventPrefix ?? '$JS.EVENT'}.ADVISORY.STREAM.DELETED.${stream}`,
    {
      callback: (error) => {
        if (error === null) onDeleted();
      },
    },
  );
  return () => {
    if (!connection.isClosed()) subscription.unsubscribe();
  };
};
