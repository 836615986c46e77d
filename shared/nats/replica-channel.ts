import { ErrorCode, RequestStrategy } from 'nats';

import { isSignatureOf, signatureOf } from '../message/signature.ts';
import type { NatsConnection } from './connect.ts';
import { buildHeaders, headerValue, readHeaders } from './headers.ts';

/** Every warm replica hears these requests, each answers for itself. */
export const replicaSubject = (manageTopic: string): string => `${manageTopic}.replicas`;

/** Every connector hears these requests, and reports what it works on. */
export const connectorSubject = (manageTopic: string): string => `${manageTopic}.connectors`;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Carries the signature of a request: whoever may publish to the subject may not command the replicas yet. */
const signatureHeader = 'ism-signature';

export interface ReplicaOptions {
  readonly subject: string;
  /** The shared token; without one every request counts. */
  readonly token: string | undefined;
}

/** Answers requests to all replicas for as long as the connection lives; `answer` gets and gives JSON values. */
export const answerAsReplica = (
  connection: NatsConnection,
  options: ReplicaOptions & {
    readonly answer: (request: unknown) => unknown;
    readonly onError: (error: unknown) => void;
  },
): void => {
  const { subject, token, answer, onError } = options;
  connection.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) return onError(error);
      try {
        const signature = headerValue(readHeaders(message), signatureHeader) ?? '';
        if (token !== undefined && !isSignatureOf(signature, token, 'replicas', [subject, message.data])) return;
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
  request: unknown,
  options: ReplicaOptions & { readonly waitMs: number },
): Promise<readonly unknown[]> => {
  const { subject, token, waitMs } = options;
  const answers: unknown[] = [];
  const payload = encoder.encode(JSON.stringify(request));
  const replies = await connection.requestMany(subject, payload, {
    strategy: RequestStrategy.Timer,
    maxWait: waitMs,
    ...(token === undefined
      ? {}
      : { headers: buildHeaders([[signatureHeader, signatureOf(token, 'replicas', [subject, payload])]]) }),
  });
  try {
    for await (const reply of replies) answers.push(JSON.parse(decoder.decode(reply.data)));
  } catch (error) {
    // The server says at once that nobody listens.
    if ((error as { readonly code?: unknown }).code !== ErrorCode.NoResponders) throw error;
  }
  return answers;
};
