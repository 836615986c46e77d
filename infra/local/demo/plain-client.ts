import {
  AckPolicy,
  connect,
  headers,
  RetentionPolicy,
  StorageType,
  type ConsumerMessages,
  type NatsConnection,
} from 'nats';
import type { DemoMessage } from './messages.ts';

/** What arrived at a processor. */
export interface Arrival {
  readonly subject: string;
  readonly messageId: string;
  readonly body: string;
}

/** A NATS client as any processor has one: it knows streams and subjects, and nothing of this project. */
export interface PlainClient {
  /** Publishes with message ids; resolves when the server has stored all of them. */
  publish(subject: string, messages: readonly DemoMessage[]): Promise<void>;
  /** Consumes a processor's work queue, as the processor would, until the client is closed. */
  consume(stream: string, subject: string, onArrival: (arrival: Arrival) => void): Promise<void>;
  close(): Promise<void>;
}

export const connectPlainClient = async (url: string): Promise<PlainClient> => {
  const target = new URL(url.split(',')[0] ?? url);
  const connection = await connect({
    servers: url.split(',').map((part) => new URL(part).host),
    name: 'demo',
    ...(target.username === '' ? {} : { user: decodeURIComponent(target.username) }),
    ...(target.password === '' ? {} : { pass: decodeURIComponent(target.password) }),
  });
  const jetstream = connection.jetstream();
  const consuming: { readonly messages: ConsumerMessages; readonly done: Promise<void> }[] = [];

  const consume = async (stream: string, subject: string, onArrival: (arrival: Arrival) => void): Promise<void> => {
    const durable = await ensureQueue(connection, stream, subject);
    const consumer = await jetstream.consumers.get(stream, durable);
    const messages = await consumer.consume({ max_messages: 500 });
    const done = (async (): Promise<void> => {
      for await (const message of messages) {
        onArrival({
          subject: message.subject,
          messageId: message.headers?.get('Nats-Msg-Id') ?? '',
          body: message.string(),
        });
        message.ack();
      }
    })();
    consuming.push({ messages, done });
  };

  return {
    publish: async (subject, messages) => {
      await Promise.all(
        messages.map((message) => {
          const extra = headers();
          if (message.traceparent !== undefined) extra.set('traceparent', message.traceparent);
          return jetstream.publish(subject, message.body, { msgID: message.id, headers: extra, timeout: 30_000 });
        }),
      );
    },
    consume,
    close: async () => {
      for (const { messages, done } of consuming) {
        await messages.close();
        await done;
      }
      await connection.drain();
    },
  };
};

const ensureQueue = async (connection: NatsConnection, stream: string, subject: string): Promise<string> => {
  const manager = await connection.jetstreamManager();
  const durable = `${stream}_sub_1`;
  const found = await manager.streams.info(stream).catch((error: { api_error?: { err_code: number } }) => {
    if (error.api_error?.err_code === 10_059) return undefined; // there is no such stream yet
    throw error;
  });
  if (found === undefined) {
    await manager.streams.add({
      name: stream,
      subjects: [subject, `${subject}.>`],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
    });
  }
  await manager.consumers.add(stream, {
    durable_name: durable,
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: 1_000,
  });
  return durable;
};
