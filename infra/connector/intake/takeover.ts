import type { NatsConnection } from '../../../shared/nats/connect.ts';
import { readConsumerInfo, type BoundConsumer } from '../../../shared/nats/ensure-consumer.ts';
import { findStream, isWorkQueue, type StreamInfo } from '../../../shared/nats/ensure-stream.ts';
import { settleUnseen } from '../../../shared/nats/jetstream-message.ts';
import { isStored, nextStoredMessage, type StoredMessage } from '../../../shared/nats/read-stream.ts';
import { apiErrorCode, apiErrorCodes } from '../../../shared/nats/jetstream-error.ts';
import { coversSubject } from '../../../shared/nats/subject-filter.ts';
import { errorFields, type Log } from '../../../shared/telemetry/log.ts';
import type { Clock } from '../clock.ts';
import { createAwaited, type Asking, type Awaited } from './awaited.ts';
import { isSettled, searchUnsettled, type ConsumerPosition } from './unsettled-search.ts';

export interface TakeoverOptions {
  readonly connection: NatsConnection;
  readonly consumer: BoundConsumer;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether the message is in our own hands. */
  readonly isHeld: (sequence: number) => boolean;
  /** The last message in our own hands; 0 if there is none. */
  readonly lastHeldSequence: () => number;
  /** The stream as it is now. */
  readonly onStream: (stream: StreamInfo) => void;
  /** Settles the message again if it was settled a moment ago, which the server may not have heard; whether it was. */
  readonly settleAgain: (message: StoredMessage) => boolean;
  /** Holds back what comes after the message in its key. */
  readonly block: (message: StoredMessage) => void;
  readonly unblock: (sequence: number) => void;
  /** Whether a pull could bring what is in other hands now. */
  readonly asking: () => Asking;
  /** Time has passed: there may be room now that there was not. */
  readonly onLook: () => void;
}

export interface Takeover {
  /**
   * Looks what was delivered, is not settled, and is not here. To be awaited before the first pull, and before the first one
   * after a connection was lost; if it rejects, it is to be called again. Returns whether the consumer is there.
   */
  begin(): Promise<boolean>;
  /** Messages in other hands, and how many of them need room that nothing else may take. */
  awaited(): { readonly messages: number; readonly reserved: number };
  /** The message was delivered to us. */
  seen(sequence: number): void;
  /** The stream is gone, and with it all that was waited for: its sequences may be other messages' now. */
  streamDeleted(): void;
  /** Looks no more; what is held back stays so. */
  stop(): void;
  /** Holds nothing back any more, and looks no more. */
  abandon(): void;
}

interface State extends TakeoverOptions {
  readonly awaited: Awaited;
  cancelPoll: () => void;
  stopped: boolean;
}

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
 * settled; if we settled it, we say so again.
 */
export const createTakeover = (options: TakeoverOptions): Takeover => {
  const awaited = createAwaited(options.consumer.ackWaitMs);
  const state: State = { ...options, awaited, cancelPoll: () => undefined, stopped: false };
  const stop = (): void => {
    state.stopped = true;
    state.cancelPoll();
  };
  return {
    begin: async () => {
      try {
        return await lookThrough(state);
      } finally {
        // Also if it failed midway: what is held back by then must not be forgotten.
        schedule(state);
      }
    },
    awaited: () => ({ messages: awaited.size, reserved: awaited.reserved(options.clock.nowMs()) }),
    seen: (sequence) => release(state, sequence),
    streamDeleted: () => releaseAll(state),
    stop,
    abandon: () => {
      stop();
      releaseAll(state);
    },
  };
};

const lookThrough = async (state: State): Promise<boolean> => {
  const found = await readState(state);
  if (found === undefined) {
    releaseAll(state);
    return false;
  }
  state.onStream(found.stream);
  const { info } = found;
  const position = {
    deliveredSequence: info.delivered.stream_seq,
    ackFloorSequence: info.ack_floor.stream_seq,
    unsettled: info.num_ack_pending,
    firstSequence: found.stream.state.first_seq,
    lastSequence: found.stream.state.last_seq,
    isWorkQueue: isWorkQueue(found.stream),
    lastHeldSequence: state.lastHeldSequence(),
  };
  for (const sequence of state.awaited.sequences()) if (isSettled(position, sequence)) release(state, sequence);
  const gone = await findUnsettled(state, position);
  if (info.num_ack_pending > 0) {
    const { consumer, awaited } = state;
    const unsettled = info.num_ack_pending;
    state.log.info('takeover', { consumer: consumer.durable, unsettled, heldBack: awaited.size, gone });
  }
  return true;
};

/** A consumer or stream that is gone holds nothing; the next pull makes it again. */
const readState = async ({ connection, consumer }: State) => {
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

const releaseAll = ({ awaited, unblock }: State): void => {
  for (const sequence of awaited.releaseAll()) unblock(sequence);
};

const release = ({ awaited, unblock }: State, sequence: number): void => {
  if (awaited.release(sequence)) unblock(sequence);
};

/** Holds back what is unsettled and not here; returns how many messages were delivered and are gone. */
const findUnsettled = async (state: State, position: ConsumerPosition): Promise<number> => {
  const { connection, consumer, clock } = state;
  const search = searchUnsettled(position, state.isHeld);
  let goneCount = 0;
  for (let next = search.next(); next !== undefined; next = search.next()) {
    const message = await nextStoredMessage(connection, consumer.stream, next);
    if (state.stopped) return goneCount;
    const { gone, isElsewhere, mayBeUnsettled } = search.found(message?.sequence);
    for (const sequence of gone) settleUnseen.gone(connection, consumer, sequence);
    goneCount += gone.length;
    if (message === undefined || !isElsewhere || !isOurs(consumer, message.subject)) continue;
    if (state.settleAgain(message)) continue;
    if (mayBeUnsettled && state.awaited.add(message.sequence, clock.nowMs())) state.block(message);
  }
  return goneCount;
};

const isOurs = ({ filterSubjects }: BoundConsumer, subject: string): boolean =>
  filterSubjects.length === 0 || filterSubjects.some((filter) => coversSubject(filter, subject));

const pollMs = 500;

const schedule = (state: State): void => {
  state.cancelPoll();
  if (!state.stopped && state.awaited.size > 0) state.cancelPoll = state.clock.after(pollMs, () => void poll(state));
};

const poll = async (state: State): Promise<void> => {
  const { connection, consumer, log } = state;
  await releaseSettled(state).catch((error: unknown) =>
    log.warn('takeover_poll_failed', { consumer: consumer.durable, ...errorFields(error) }),
  );
  if (state.stopped) return;
  const { released, renewed } = state.awaited.due(state.clock.nowMs(), state.asking());
  for (const sequence of released) state.unblock(sequence);
  if (!connection.isClosed()) {
    for (const sequence of renewed) settleUnseen.working(connection, consumer, sequence);
    if (renewed.length > 0) log.warn('takeover_overdue', { consumer: consumer.durable, messages: renewed.length });
  }
  state.onLook();
  schedule(state);
};

const releaseSettled = async (state: State): Promise<void> => {
  const { connection, consumer, awaited } = state;
  const info = await readConsumerInfo(connection, consumer);
  const position = {
    deliveredSequence: info.delivered.stream_seq,
    ackFloorSequence: info.ack_floor.stream_seq,
    unsettled: info.num_ack_pending,
  };
  for (const sequence of awaited.sequences()) {
    if (isSettled(position, sequence) || !(await isStored(connection, consumer.stream, sequence)))
      release(state, sequence);
    if (state.stopped) return;
  }
};
