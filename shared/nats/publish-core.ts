import type { NatsConnection } from './connect.ts';
import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import { isPublishSubject } from '../routing/subject-token.ts';
import { buildHeaders } from './headers.ts';

export interface CoreMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/**
 * Publishes to routes without JetStream: best effort, at most once; returns when the server has read the messages.
 * @throws TerminalError `invalid_subject`, RetryableError `nats_unavailable`
 */
export const publishCore = async (connection: NatsConnection, messages: readonly CoreMessage[]): Promise<void> => {
  for (const message of messages) {
    if (!isPublishSubject(message.subject)) {
      throw new TerminalError('invalid_subject', 'the message has a subject that cannot be published to');
    }
  }
  try {
    for (const message of messages) {
      const headers = message.headers ? { headers: buildHeaders(Object.entries(message.headers)) } : {};
      connection.publish(message.subject, message.payload, headers);
    }
    await connection.flush();
  } catch (cause) {
    throw new RetryableError('nats_unavailable', 'the messages were not sent', { cause });
  }
};
