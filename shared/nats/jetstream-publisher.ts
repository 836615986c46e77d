import { Events, type Msg } from 'nats';
import type { NatsConnection } from './connect.ts';
import { newInbox } from './jetstream-api.ts';
import { RetryableError, TerminalError } from '../errors/sync-error.ts';
import { isPublishSubject } from '../routing/subject-token.ts';
import { ensureStream, findStreamOf } from './ensure-stream.ts';
import { headerBlock } from './headers.ts';
import { publishFramed } from './publish-framed.ts';
import { apiErrorCodes } from './jetstream-error.ts';
import type { OutgoingMessage, Publisher, PublishOutcome } from '../message/outgoing-message.ts';

export interface PublisherOptions {
  /** Most messages that wait for their PubAck at the same time. */
  readonly windowMessages?: number;
  /** Most bytes that wait for their PubAck at the same time; one message is always let through. */
  readonly windowBytes?: number;
  /** How long a PubAck may take before the message is sent again with the same id. */
  readonly ackTimeoutMs?: number;
  /** How often a message is sent in all before it counts as failed. */
  readonly attempts?: number;
}

interface Pending {
  readonly message: OutgoingMessage;
  readonly headers: string;
  readonly headerBytes: number;
  /** With its headers. */
  readonly bytes: number;
  readonly batch: Batch;
  /** Place in the batch. */
  readonly index: number;
  /** Place among all messages of this publisher. */
  readonly order: number;
  attempt: number;
  /** Whether the server was asked for the stream since it was sent. */
  isLookedFor: boolean;
  deadlineMs: number;
}

/** Messages that were given together, and what the server has said of them. */
interface Batch {
  readonly outcomes: PublishOutcome[];
  open: number;
  readonly done: (outcomes: readonly PublishOutcome[]) => void;
}

/** A stream that has never answered is looked for after this time. */
const lookAfterMs = 300;

interface PubAck {
  readonly stream?: string;
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description: string };
}

const maxSubjectBytes = 1_024;

/**
 * Publishes through JetStream without waiting for each PubAck: one wildcard inbox, PubAcks told apart by its last token,
 * a window by count and bytes. A message whose PubAck stays out is sent again with the same `Nats-Msg-Id`, so the server
 * drops what it had already stored. A stream that is missing is made. The connection stays the caller's.
 */
export const createJetStreamPublisher = (connection: NatsConnection, options: PublisherOptions = {}): Publisher => {
  const windowMessages = options.windowMessages ?? 1_024;
  const windowBytes = options.windowBytes ?? 16 * 1024 * 1024;
  const ackTimeoutMs = options.ackTimeoutMs ?? 5_000;
  const attempts = options.attempts ?? 4;

  const inbox = newInbox(connection);
  const waiting: Pending[] = [];
  const sent = new Map<string, Pending>();
  const unheard: Pending[] = [];
  /** Streams that have confirmed a message: a PubAck that is late is only late. */
  const confirmed = new Set<string>();
  let isMakingStreams = false;
  let orderCounter = 0;
  let waitingHead = 0;
  let sentBytes = 0;
  let tokenCounter = 0;
  let sweep: NodeJS.Timeout | undefined;
  let closed = false;
  let knownMaxPayload: number | undefined;

  const release = (token: string, pending: Pending): void => {
    sent.delete(token);
    sentBytes -= pending.bytes;
  };

  const send = (pending: Pending): void => {
    pending.attempt += 1;
    pending.isLookedFor = false;
    pending.deadlineMs = performance.now() + ackTimeoutMs;
    const token = (tokenCounter++).toString(36);
    try {
      const { message, headers, headerBytes } = pending;
      const { subject, payload } = message;
      publishFramed(connection, { subject, reply: `${inbox}.${token}`, headers, headerBytes, payload });
    } catch (cause) {
      settle(pending, {
        ok: false,
        error: new RetryableError('nats_unavailable', 'the message was not sent', { cause }),
      });
      return;
    }
    sent.set(token, pending);
    sentBytes += pending.bytes;
    sweep ??= setTimeout(checkDeadlines, 100).unref();
  };

  const fill = (): void => {
    if (isMakingStreams) return;
    while (waitingHead < waiting.length && sent.size < windowMessages) {
      const next = waiting[waitingHead]!;
      if (sent.size > 0 && sentBytes + next.bytes > windowBytes) break;
      waitingHead += 1;
      if (closed) settle(next, { ok: false, error: new RetryableError('shutting_down', 'the publisher is closed') });
      else send(next);
    }
    if (waitingHead === waiting.length) {
      waiting.length = 0;
      waitingHead = 0;
    }
  };

  const sendAgainOrFail = (pending: Pending, error: Error): void => {
    if (closed || pending.attempt >= attempts) settle(pending, { ok: false, error });
    else send(pending);
  };

  function checkDeadlines(): void {
    sweep = undefined;
    const nowMs = performance.now();
    const silent = new Map<string, Pending>();
    for (const [token, pending] of sent) {
      if (pending.deadlineMs > nowMs) {
        const isSilent = nowMs - (pending.deadlineMs - ackTimeoutMs) >= lookAfterMs;
        if (isSilent && !pending.isLookedFor && !confirmed.has(pending.message.stream)) {
          pending.isLookedFor = true;
          silent.set(pending.message.subject, pending);
        }
        continue;
      }
      release(token, pending);
      confirmed.delete(pending.message.stream);
      sendAgainOrFail(pending, new RetryableError('publish_failed', 'the server did not confirm the message in time'));
    }
    for (const subject of silent.keys()) void lookForStream(subject);
    fill();
    if (sent.size > 0) sweep ??= setTimeout(checkDeadlines, 100).unref();
  }

  /**
   * A PubAck that stays out may mean that a core subscriber alone hears the subject: then the server does not say that
   * nobody listens. So it is asked whether a stream holds the subject.
   */
  const lookForStream = async (subject: string): Promise<void> => {
    try {
      if ((await findStreamOf(connection, subject)) !== undefined) return;
    } catch {
      // A user who may not ask waits for the PubAck until its timeout, as without this look.
      return;
    }
    for (const [token, pending] of sent) {
      if (pending.message.subject !== subject || !pending.isLookedFor) continue;
      release(token, pending);
      onNoStream(pending);
    }
  };

  /** Makes the streams of messages that nobody took, then puts these back at the head of the queue in their order. */
  const makeStreams = async (): Promise<void> => {
    let failure: unknown;
    const streams = new Map(unheard.map(({ message }) => [message.stream, message]));
    const onWarning = (reason: string): void => void (failure = new Error(reason));
    try {
      for (const message of streams.values()) await ensureStream(connection, { ...message, onWarning });
    } catch (error) {
      // JetStream may be away for a moment only.
      failure = error;
      await new Promise((resolve) => setTimeout(resolve, 250).unref());
    }
    const again: Pending[] = [];
    for (const pending of unheard.splice(0).toSorted((a, b) => a.order - b.order)) {
      if (!closed && pending.attempt < attempts) again.push(pending);
      else {
        const why = failure instanceof Error ? `: ${failure.message}` : '';
        const text = `no stream holds ${pending.message.subject}${why}`;
        settle(pending, { ok: false, error: new RetryableError('publish_failed', text, { cause: failure }) });
      }
    }
    waiting.splice(waitingHead, 0, ...again);
    isMakingStreams = false;
    fill();
  };

  /** No stream holds the subject: nothing more is sent until it does, so that messages keep their order. */
  const onNoStream = (pending: Pending): void => {
    unheard.push(pending);
    if (isMakingStreams) return;
    isMakingStreams = true;
    void makeStreams();
  };

  const onAnswer = (pending: Pending, ack: PubAck): void => {
    if (ack.error !== undefined) {
      const isTooLarge = ack.error.err_code === apiErrorCodes.messageTooLarge;
      const limit = isTooLarge ? `, which is over the max_msg_size of the stream ${pending.message.stream}` : '';
      const text = `the server refused the message${limit}: ${ack.error.description}`;
      // Not retried: it would hold all that comes after it until somebody raises the limit.
      const error = isTooLarge
        ? new TerminalError('forward_too_large', text)
        : new RetryableError('publish_failed', text);
      const said = ack.error.err_code === apiErrorCodes.idInProcess ? 'id_taken' : 'refused';
      settle(pending, { ok: false, error, said });
      return;
    }
    confirmed.add(pending.message.stream);
    const sequence = ack.seq ?? 0;
    // A stream with copies, up to nats-server 2.10, says so of an id whose first message it is still about to store, and may lose
    // that one with its leader. Newer ones refuse the repeat (10158).
    if (sequence === 0) {
      const text = `the stream ${ack.stream ?? pending.message.stream} still works on an earlier copy of the message`;
      settle(pending, { ok: false, error: new RetryableError('publish_failed', text), said: 'id_taken' });
      return;
    }
    settle(pending, { ok: true, duplicate: ack.duplicate === true, sequence });
  };

  const subscription = connection.subscribe(`${inbox}.*`, {
    callback: (error, answer) => {
      if (error !== null) return;
      const token = answer.subject.slice(inbox.length + 1);
      const pending = sent.get(token);
      // An answer to a message that was sent again meanwhile: the later answer counts.
      if (pending === undefined) return;
      const isUnheard = answer.data.length === 0 && answer.headers?.code === 503;
      const ack = isUnheard ? undefined : readPubAck(answer);
      // Whoever else hears the subject may answer too; only the word of a stream counts.
      if (!isUnheard && ack === undefined) return;
      release(token, pending);
      if (ack === undefined) onNoStream(pending);
      else onAnswer(pending, ack);
      fill();
    },
  });

  const checkSubject = subjectCheck();

  /** Why the message cannot be sent; undefined if it is in the queue. */
  const enqueue = (message: OutgoingMessage, batch: Batch, index: number): Error | undefined => {
    if (closed || connection.isClosed()) {
      return new RetryableError('nats_unavailable', 'the connection to NATS is closed');
    }
    if (!checkSubject(message.subject)) {
      return new TerminalError('invalid_subject', 'the message has a subject that cannot be published to');
    }
    const headers = headerBlock(message.id, message.headers);
    const headerBytes = Buffer.byteLength(headers);
    const bytes = message.payload.byteLength + headerBytes;
    const limit = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (bytes > limit) {
      const text = `the message has ${bytes} bytes with its headers, the server takes ${limit}`;
      return new TerminalError('forward_too_large', text);
    }
    waiting.push({
      message,
      headers,
      headerBytes,
      bytes,
      batch,
      index,
      order: orderCounter++,
      attempt: 0,
      isLookedFor: false,
      deadlineMs: 0,
    });
    return undefined;
  };

  const publishAll = (messages: readonly OutgoingMessage[]): Promise<readonly PublishOutcome[]> =>
    new Promise((resolve) => {
      const batch: Batch = { outcomes: [], open: messages.length, done: resolve };
      if (messages.length === 0) resolve([]);
      for (const [index, message] of messages.entries()) {
        const error = enqueue(message, batch, index);
        if (error !== undefined) settle({ batch, index }, { ok: false, error });
      }
    });

  /** What was sent on a connection that broke may be lost: it is sent again at once instead of after its timeout. */
  const watchReconnects = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type !== Events.Reconnect || closed) continue;
      for (const pending of sent.values()) pending.deadlineMs = 0;
      if (sent.size > 0) sweep ??= setTimeout(checkDeadlines, 0).unref();
    }
  };
  // The loop ends with the connection; the status iterator itself cannot fail.
  void watchReconnects();

  return {
    publish: (messages) => {
      const outcomes = publishAll(messages);
      fill();
      return outcomes;
    },
    maxPayloadBytes: async () => {
      // The limit arrives with the greeting, and the client forgets it while it is without a connection.
      knownMaxPayload = connection.info?.max_payload ?? knownMaxPayload;
      if (knownMaxPayload !== undefined) return knownMaxPayload;
      try {
        await connection.flush();
      } catch (cause) {
        throw new RetryableError('nats_unavailable', 'the NATS server has not said its payload limit', { cause });
      }
      knownMaxPayload = connection.info?.max_payload;
      return knownMaxPayload ?? 1_048_576;
    },
    close: async () => {
      if (closed) return;
      closed = true;
      clearTimeout(sweep);
      for (const [token, pending] of sent) {
        release(token, pending);
        settle(pending, { ok: false, error: new RetryableError('shutting_down', 'the publisher was closed') });
      }
      fill();
      if (!connection.isClosed()) subscription.unsubscribe();
    },
  };
};

const textOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('utf8');

/** The answer of a stream; undefined if it is somebody else's. */
const readPubAck = (answer: Msg): PubAck | undefined => {
  try {
    const ack = JSON.parse(textOf(answer.data)) as PubAck | null;
    if (typeof ack !== 'object' || ack === null) return undefined;
    const isRefusal = typeof ack.error?.err_code === 'number';
    return isRefusal || (typeof ack.stream === 'string' && typeof ack.seq === 'number') ? ack : undefined;
  } catch {
    return undefined;
  }
};

/** Says what became of a message; the batch is done with its last one. */
const settle = ({ batch, index }: Pick<Pending, 'batch' | 'index'>, outcome: PublishOutcome): void => {
  if (batch.outcomes[index] !== undefined) return;
  batch.outcomes[index] = outcome;
  batch.open -= 1;
  if (batch.open === 0) batch.done(batch.outcomes);
};

/** Whether a subject can be published to. Most messages have the one of the message before. */
const subjectCheck = (): ((subject: string) => boolean) => {
  let known = '';
  return (subject) => {
    if (subject === known) return true;
    const isGood = isPublishSubject(subject) && Buffer.byteLength(subject) <= maxSubjectBytes;
    if (isGood) known = subject;
    return isGood;
  };
};
