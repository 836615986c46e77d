import type { NatsConnection } from '../../shared/nats/connect.ts';
import { readConsumerInfo, type BoundConsumer } from '../../shared/nats/ensure-consumer.ts';
import { findStream, isWorkQueue, type StreamInfo } from '../../shared/nats/ensure-stream.ts';
import { settleUnseen } from '../../shared/nats/jetstream-message.ts';
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
  /** The stream as it is now. */
  readonly onStream: (stream: StreamInfo) => void;
  /** Settles the message again where it was settled a moment ago, which the server may not have heard; whether it was. */
  readonly settleAgain: (message: StoredMessage) => boolean;
  /** Holds back what comes after the message in its key. */
  readonly block: (message: StoredMessage) => void;
  readonly unblock: (sequence: number) => void;
}

export interface Takeover {
  /**
   * Looks what was delivered, is not settled, and is not here: given to another connector, or lost on its way with a
   * connection. To be awaited before the first pull, and before the first one after a connection was lost; where it
   * rejects, it is to be called again. Returns whether the consumer is there.
   */
  begin(): Promise<boolean>;
  /** The message was delivered to us. */
  seen(sequence: number): void;
  /** Looks no more; what is held back stays so. */
  stop(): void;
  /** Holds nothing back any more, and looks no more. */
  abandon(): void;
}

/** A message that is elsewhere. */
interface Outstanding {
  /** When it gets a new ack wait; infinite once it has. */
  renewsAtMs: number;
  /** When it is waited for no longer. */
  endsAtMs: number;
  /** However often a connection is lost meanwhile. */
  readonly endsAtLastMs: number;
}

/** Larger gaps than this between what was settled and what was delivered are not read through. */
const maxReads = 20_000;
/** Nor are more sequences than this settled that have no message. */
const maxGone = 100_000;
const pollMs = 500;
/** After its ack wait a message is on its way again, unless the server counts from a wrong time or somebody keeps it alive. */
const overdueMs = 1_000;
/** For the rest of its way once it should have come for the second time. */
const graceMs = 5_000;
const maxExtensions = 4;

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
 *
 * What was delivered and is in the stream no longer is settled. A killed nats-server 2.9 may count such messages as unsettled: it
 * tries each again every ack wait, before any new message, and goes to sleep at each one until something wakes it, so that
 * a dozen of them keep it from delivering anything else. The reverse happens too: the stream keeps what the consumer counts as
 * settled; where we settled it, we say so again.
 */
export const createTakeover = (options: TakeoverOptions): Takeover => {
  const { connection, consumer, clock, log } = options;
  const outstanding = new Map<number, Outstanding>();
  let cancelPoll: (() => void) | undefined;
  let stopped = false;

  const release = (sequence: number): void => {
    if (outstanding.delete(sequence)) options.unblock(sequence);
  };
  const releaseAll = (): void => {
    for (const sequence of outstanding.keys()) release(sequence);
  };

  const waitFor = (message: StoredMessage): void => {
    const renewsAtMs = clock.nowMs() + consumer.ackWaitMs + overdueMs;
    const patienceMs = consumer.ackWaitMs * 2 + overdueMs + graceMs;
    const endsAtMs = clock.nowMs() + patienceMs;
    const known = outstanding.get(message.sequence);
    if (known === undefined) {
      const endsAtLastMs = clock.nowMs() + patienceMs * maxExtensions;
      outstanding.set(message.sequence, { renewsAtMs, endsAtMs, endsAtLastMs });
      options.block(message);
    } else {
      // It was under way again, maybe, when the connection was lost again.
      known.renewsAtMs = Math.min(known.renewsAtMs, renewsAtMs);
      known.endsAtMs = Math.min(endsAtMs, known.endsAtLastMs);
    }
  };

  /** A consumer or stream that is gone holds nothing; the next pull makes it again. */
  const look = async () => {
    try {
      const info = await readConsumerInfo(connection, consumer);
      const stream = await findStream(connection, consumer.stream);
      return stream === undefined ? undefined : { info, stream };
    } catch (error) {
      const code = apiErrorCode(error);
      if (code === apiErrorCodes.consumerNotFound || code === apiErrorCodes.streamNotFound) return undefined;
      throw error;
    }
  };

  const isOurs = (subject: string): boolean =>
    consumer.filterSubjects.length === 0 || consumer.filterSubjects.some((filter) => coversSubject(filter, subject));

  const findOutstanding = async ({ info, stream }: NonNullable<Awaited<ReturnType<typeof look>>>): Promise<void> => {
    const floor = info.num_ack_pending === 0 ? info.delivered.stream_seq : info.ack_floor.stream_seq;
    // A stream that lost its end gives the sequences behind it to other messages.
    const last = Math.min(info.delivered.stream_seq, stream.state.last_seq);
    // A work queue keeps nothing that is settled, unless its server was killed.
    let next = isWorkQueue(stream) ? Math.min(stream.state.first_seq, floor + 1) : floor + 1;
    let reads = 0;
    let gone = 0;
    // Settled messages are gone from a work queue; where they are kept, more are held back than need be, for a while. The
    // number of unsettled ones is no end: a server that was killed may keep some that it counts as settled.
    while (next <= last && reads < maxReads) {
      if (options.isHeld(next)) {
        next += 1;
        continue;
      }
      reads += 1;
      const message = await nextStoredMessage(connection, consumer.stream, next);
      if (stopped) return;
      const end = Math.min(message?.sequence ?? last + 1, last + 1);
      for (let sequence = Math.max(next, floor + 1); sequence < end && gone < maxGone; sequence += 1, gone += 1) {
        settleUnseen.gone(connection, consumer, sequence);
      }
      if (message === undefined || message.sequence > last) break;
      next = message.sequence + 1;
      if (!isOurs(message.subject) || options.isHeld(message.sequence) || options.settleAgain(message)) continue;
      if (message.sequence > floor) waitFor(message);
    }
    const unsettled = info.num_ack_pending;
    if (unsettled > 0) {
      log.info('takeover', { consumer: consumer.durable, unsettled, heldBack: outstanding.size, gone });
    }
  };

  const releaseSettled = async (): Promise<void> => {
    const info = await readConsumerInfo(connection, consumer);
    for (const sequence of outstanding.keys()) {
      const isSettled = sequence <= info.ack_floor.stream_seq || info.num_ack_pending === 0;
      if (isSettled || !(await isStored(connection, consumer.stream, sequence))) release(sequence);
      if (stopped) return;
    }
  };

  const poll = async (): Promise<void> => {
    await releaseSettled().catch((error: unknown) =>
      log.warn('takeover_poll_failed', { consumer: consumer.durable, ...errorFields(error) }),
    );
    if (stopped) return;
    const nowMs = clock.nowMs();
    let renewed = 0;
    for (const [sequence, due] of outstanding) {
      if (nowMs >= due.endsAtMs) release(sequence);
      else if (nowMs >= due.renewsAtMs && !connection.isClosed()) {
        due.renewsAtMs = Number.POSITIVE_INFINITY;
        settleUnseen.working(connection, consumer, sequence);
        renewed += 1;
      }
    }
    if (renewed > 0) log.warn('takeover_overdue', { consumer: consumer.durable, messages: renewed });
    schedule();
  };

  const schedule = (): void => {
    cancelPoll?.();
    if (!stopped && outstanding.size > 0) cancelPoll = clock.after(pollMs, () => void poll());
  };

  return {
    begin: async () => {
      try {
        const found = await look();
        if (found === undefined) {
          releaseAll();
          return false;
        }
        options.onStream(found.stream);
        if (found.info.num_ack_pending === 0) releaseAll();
        await findOutstanding(found);
        return true;
      } finally {
        // Also where it failed midway: what is held back by then must not be forgotten.
        schedule();
      }
    },
    seen: release,
    stop: () => {
      stopped = true;
      cancelPoll?.();
    },
    abandon: () => {
      stopped = true;
      cancelPoll?.();
      releaseAll();
    },
  };
};
