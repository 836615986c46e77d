import type { NatsConnection } from '../../../shared/nats/connect.ts';
import { answerAll, settle } from '../../../shared/nats/jetstream-message.ts';
import { errorFields, type Log } from '../../../shared/telemetry/log.ts';
import type { Clock } from '../clock.ts';
import type { Rejection } from '../dispatch/dispatcher.ts';
import { mayBegin, type Tenure } from '../lease/tenure.ts';
import type { HeldMessages } from '../intake/held-messages.ts';
import type { ReceivedMessage } from '../intake/received-message.ts';
import type { ConnectorTelemetry } from '../telemetry/connector-telemetry.ts';
import type { ConnectorMetrics } from '../telemetry/metrics.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Answer, RecentAnswers } from './recent-answers.ts';

export interface SettlerOptions {
  readonly connection: NatsConnection;
  /** Name of the stream, for counters and the log. */
  readonly stream: string;
  readonly held: HeldMessages<{ readonly consumer: { readonly ackWaitMs: number } }>;
  readonly recent: RecentAnswers;
  readonly deadLetters: DeadLetters;
  /** Tells the monitor of a message that was given up; best effort. */
  readonly reportFailed: (message: ReceivedMessage, reason: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ConnectorMetrics;
  readonly telemetry: ConnectorTelemetry;
  /** There is room for more. */
  readonly onSettled: () => void;
  readonly tenure: Tenure;
}

/** Answers the server: every way in which a message leaves its consumer, or stays with us for longer. */
export interface Settler {
  ack(messages: readonly ReceivedMessage[]): void;
  /** Stores the message as a dead letter, and ends it once that is confirmed. */
  reject(message: ReceivedMessage, rejection: Rejection): void;
  /** Gives an answer again, to a delivery that came after it or to the one that it was for. */
  repeat(answer: Answer, reply?: string): void;
  /** The same for a message that is in the stream all the same; whether there was an answer. */
  repeatFor(storedKey: string): boolean;
  /** Tells the server that everything held is being worked on. */
  keepAlive(): void;
  /** Gives everything held back to the server, which delivers it again after a moment. */
  handBack(): Promise<number>;
  /** Resolves when no dead letter is under way. */
  idle(): Promise<void>;
}

interface State extends SettlerOptions {
  readonly givingUp: Set<Promise<void>>;
}

export const createSettler = (options: SettlerOptions): Settler => {
  const state: State = { ...options, givingUp: new Set() };
  const { connection, recent } = options;
  return {
    ack: (messages) => {
      settleAll(state, 'ack', messages);
      options.metrics.add('acked', messages.length, options.stream);
      options.onSettled();
    },
    reject: (message, rejection) => reject(state, message, rejection),
    repeat: (answer, reply = answer.reply) => settle[answer.how](connection, reply),
    repeatFor: (storedKey) => {
      const answer = recent.find(storedKey);
      if (answer !== undefined) settle[answer.how](connection, answer.reply);
      return answer !== undefined;
    },
    keepAlive: () => keepAlive(state),
    handBack: () => handBack(state),
    idle: async () => void (await Promise.all(state.givingUp)),
  };
};

/** Settles messages on the wire and lets them go; their spans end when the server has read it. */
const settleAll = (state: State, how: 'ack' | 'term', messages: readonly ReceivedMessage[]): void => {
  const { connection, held, recent, log, stream } = state;
  const span = state.telemetry.startSettle(how, messages);
  const isClosed = connection.isClosed();
  const replies: string[] = [];
  for (const message of messages) {
    const entry = held.release(message.storedKey);
    // Only what is held is answered (C9): the place of anything else may be another message's now.
    if (entry === undefined) continue;
    replies.push(entry.reply);
    recent.add(message.storedKey, { how, reply: entry.reply });
  }
  // On a closed connection the answers are lost; the messages come again and find their rows in the ledger.
  if (!isClosed) answerAll(connection, how, replies);
  if (isClosed) return span.end(new Error('the connection is closed'));
  connection.flush().then(
    () => span.end(),
    (error: unknown) => {
      span.end(error);
      log.warn('flush_failed', { stream, ...errorFields(error) });
    },
  );
};

const reject = (state: State, message: ReceivedMessage, rejection: Rejection): void => {
  state.metrics.add('rejected', 1, rejection.code);
  const work = giveUp(state, message, rejection)
    .catch((error: unknown) => state.log.error('give_up_failed', { id: message.id, ...errorFields(error) }))
    .finally(() => state.givingUp.delete(work));
  state.givingUp.add(work);
};

const giveUp = async (state: State, message: ReceivedMessage, rejection: Rejection): Promise<void> => {
  const deliveryCount = state.held.find(message.storedKey)?.deliveryCount ?? message.deliveryCount;
  if (!(await state.deadLetters.store(message, { ...rejection, deliveryCount }, state.tenure))) return;
  settleAll(state, 'term', [message]);
  state.onSettled();
  state.reportFailed(message, rejection.reason);
};

const keepAlive = ({ connection, held, clock, tenure }: State): void => {
  if (connection.isClosed() || !mayBegin(tenure)) return;
  const nowMs = clock.nowMs();
  for (const { message, source, reply } of held.entries()) {
    // What has just come has its whole ack wait before it.
    if (nowMs - message.receivedMs >= source.consumer.ackWaitMs / 4) settle.working(connection, reply);
  }
};

/** A bare nak is delivered again at once, thousands of times a second. */
const handBackDelayMs = 1_000;

const handBack = async ({ connection, held, telemetry }: State): Promise<number> => {
  // They stay in `held`: a dead letter that is confirmed by now still ends its message.
  const entries = [...held.entries()];
  const span = telemetry.startSettle(
    'nak',
    entries.map(({ message }) => message),
  );
  if (!connection.isClosed()) {
    for (const { reply } of entries) settle.nakLater(connection, reply, handBackDelayMs);
    await connection.flush().catch(() => undefined);
  }
  span.end();
  return entries.length;
};
