import { ErrorCode, RequestStrategy } from 'nats';
import type { NatsConnection } from './connect.ts';

/** Every warm replica hears these requests, each answers for itself. */
export const replicaSubject = (manageTopic: string): string => `${manageTopic}.replicas`;

/** Every connector hears these requests, and reports what it works on. */
export const connectorSubject = (manageTopic: string): string => `${manageTopic}.connectors`;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Answers requests to all replicas for as long as the connection lives; `answer` gets and gives JSON values. */
export const answerAsReplica = (
  connection: NatsConnection,
  subject: string,
  answer: (request: unknown) => unknown,
  onError: (error: unknown) => void,
): void => {
  connection.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) return onError(error);
      try {
        const reply = answer(JSON.parse(decoder.decode(message.data)));
        if (message.reply !== undefined && message.reply !== '') message.respond(encoder.encode(JSON.stringify(reply)));
      } catch (failure) {
        onError(failure);
      }
    },
  });
};

/**
 * Asks every replica and collects the answers of `waitMs` milliseconds: nobody knows how many replicas are warm, so the
 * time is always spent. No replica at all is an empty list.
 */
export const askReplicas = async (
  connection: NatsConnection,
  subject: string,
  request: unknown,
  waitMs: number,
): Promise<readonly unknown[]> => {
  const answers: unknown[] = [];
  const replies = await connection.requestMany(subject, encoder.encode(JSON.stringify(request)), {
    strategy: RequestStrategy.Timer,
    maxWait: waitMs,
  });
  try {
    for await (const reply of replies) answers.push(JSON.parse(decoder.decode(reply.data)));
  } catch (error) {
    // The server says at once that nobody listens.
    if ((error as { readonly code?: unknown }).code !== ErrorCode.NoResponders) throw error;
  }
  return answers;
};
