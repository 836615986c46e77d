import type { NatsConnection } from '../../shared/nats/connect.ts';
import { readConsumerInfo, type BoundConsumer } from '../../shared/nats/ensure-consumer.ts';
import { renewAckWait } from '../../shared/nats/jetstream-message.ts';
import { isStored, nextStoredMessage, type StoredMessage } from '../../shared/nats/read-stream.ts';
import { apiErrorCode, apiErrorCodes } from '../../shared/nats/jetstream-error.ts';
import { coversSubject } from '../../shared/nats/subject-filter.ts';
import { errorFields, type Log } from '../../shared/telemetry/log.ts';
import type { Clock } from './clock.ts';

export interface TakeoverOptions {
  readonly connection: NatsConnection;
  readonly consumer: BoundConsumer;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether the message is in our own hands. */
  readonly isHeld: (sequence: number) => boolean;
  /** Settles the message again where it was settled a moment ago, which the server may not have heard; whether it was. */
  readonly settleAgain: (message: StoredMessage) => boolean;
  /** Holds back what comes after the message in its key. */
  readonly block: (message: StoredMessage) => void;
  readonly unblock: (sequence: number) => void;
}

export interface Takeover {
  /**
   * Looks what was delivered, is not settled, and is not here: given to another connector, or lost on its way with a
   * connection. To be awaited before the first pull, and before the first one after a connection was lost.
   */
  begin(): Promise<void>;
  /** The message was delivered to us. */
  seen(sequence: number): void;
  stop(): void;
}

/** Larger gaps than this between what was settled and what was delivered are not read through. */
const maxReads = 20_000;
const pollMs = 500;
/** After its ack wait a message is on its way again, unless the server counts from a wrong time or somebody keeps it alive. */
const overdueMs = 1_000;
/** For the rest of its way once it should have come for the second time. */
const graceMs = 5_000;

/**
 * Keeps the order of a key over a change of connector. What the one before us was given and did not settle (it was killed,
 * or it is the system that we take over from) is delivered again only after the consumer's ack wait, while later messages
 * come at once. So those messages are read from the stream, their keys are held back, and each is let go when it comes to
 * us, when it is gone because the other one settled it, or when it should have come long ago. The same goes for messages
 * that were on their way to us when a connection broke.
 *
 * A message that is overdue gets a new ack wait. A nats-server that recovers its consumers after a kill counts the wait from
 * when each message was stored, and moves all that have expired by as much as the oldest of them is late: the later ones then
 * have times that lie in the future by the oldest one's age, which are written down and survive the next kill. Without a word
 * from us they would come again minutes or hours later. Who else holds the message loses nothing by it.
 */
export const createTakeover = (options: TakeoverOptions): Takeover => {
  const { connection, consumer, clock, log } = options;
  const outstanding = new Set<number>();
  let cancelPoll: (() => void) | undefined;
  let stopped = false;
  let renewsAtMs = 0;
  let endsAtMs = 0;

  const release = (sequence: number): void => {
    if (outstanding.delete(sequence)) options.unblock(sequence);
  };

  /** A consumer that is gone holds nothing; the next pull makes it again. */
  const findInfo = async () => {
    try {
      return await readConsumerInfo(connection, consumer);
    } catch (error) {
      const code = apiErrorCode(error);
      if (code === apiErrorCodes.consumerNotFound || code === apiErrorCodes.streamNotFound) return undefined;
      throw error;
    }
  };

  const poll = async (): Promise<void> => {
    const expired = clock.nowMs() >= endsAtMs;
    try {
      const info = await readConsumerInfo(connection, consumer);
      for (const sequence of outstanding) {
        if (stopped) return;
        const isSettled = sequence <= info.ack_floor.stream_seq || info.num_ack_pending === 0;
        if (expired || isSettled || !(await isStored(connection, consumer.stream, sequence))) release(sequence);
      }
      if (clock.nowMs() >= renewsAtMs) renew();
    } catch (error) {
      log.warn('takeover_poll_failed', { consumer: consumer.durable, ...errorFields(error) });
      if (expired) for (const sequence of outstanding) release(sequence);
    }
    schedule();
  };

  const renew = (): void => {
    renewsAtMs = Number.POSITIVE_INFINITY;
    if (outstanding.size === 0) return;
    for (const sequence of outstanding) renewAckWait(connection, consumer, sequence);
    log.warn('takeover_overdue', { consumer: consumer.durable, messages: outstanding.size });
  };

  const schedule = (): void => {
    cancelPoll?.();
    if (!stopped && outstanding.size > 0) cancelPoll = clock.after(pollMs, () => void poll());
  };

  return {
    begin: async () => {
      const info = await findInfo();
      if (info === undefined || info.num_ack_pending === 0) return;
      renewsAtMs = clock.nowMs() + consumer.ackWaitMs + overdueMs;
      endsAtMs = renewsAtMs + consumer.ackWaitMs + graceMs;
      const last = info.delivered.stream_seq;
      let next = info.ack_floor.stream_seq + 1;
      let reads = 0;
      // Settled messages are gone from a work queue; where they are kept, more are held back than need be, for a while. The
      // number of unsettled ones is no end: a server that was killed may keep some that it counts as settled.
      while (next <= last && reads < maxReads) {
        if (options.isHeld(next)) {
          next += 1;
          continue;
        }
        reads += 1;
        const message = await nextStoredMessage(connection, consumer.stream, next);
        if (message === undefined || message.sequence > last) break;
        next = message.sequence + 1;
        const { filterSubjects } = consumer;
        if (filterSubjects.length > 0 && !filterSubjects.some((filter) => coversSubject(filter, message.subject)))
          continue;
        if (outstanding.has(message.sequence) || options.isHeld(message.sequence) || options.settleAgain(message))
          continue;
        outstanding.add(message.sequence);
        options.block(message);
      }
      log.info('takeover', { consumer: consumer.durable, unsettled: info.num_ack_pending, heldBack: outstanding.size });
      schedule();
    },
    seen: release,
    stop: () => {
      stopped = true;
      cancelPoll?.();
    },
  };
};
