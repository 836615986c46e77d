import type { NatsConnection } from '../../../shared/nats/connect.ts';
import { readConsumerInfo, type BoundConsumer } from '../../../shared/nats/ensure-consumer.ts';
import { findStream, isWorkQueue, type StreamInfo } from '../../../shared/nats/ensure-stream.ts';
import { settleUnseen } from '../../../shared/nats/jetstream-message.ts';
import { isStored, nextStoredMessage, type StoredMessage } from '../../../shared/nats/read-stream.ts';
import { apiErrorCode, apiErrorCodes } from '../../../shared/nats/jetstream-error.ts';
import { errorFields, type Log } from '../../../shared/telemetry/log.ts';
import { pause, type Clock } from '../clock.ts';
import { mayBegin, type Tenure } from '../lease/tenure.ts';
import { createAwaited, type Asking, type Awaited } from './awaited.ts';
import { takesSubject, wayToFind, type FindPlace, type Place } from './find-place.ts';
import { createHeldBack, type HeldBack, type Hold, type LaneName, type ReadLane } from './held-back.ts';
import { readAhead } from './read-ahead.ts';
import { createSoleReader, type SoleReader } from './sole-reader.ts';
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
  /** Where the message waits to be sent; undefined for what no function gets. */
  readonly laneOf: (message: StoredMessage) => LaneName | undefined;
  /** What comes after a message in a lane is held back, or is so no more. */
  readonly onHold: (hold: Hold) => void;
  /** Whether a pull could bring what is in other hands now. */
  readonly asking: () => Asking;
  /** Time has passed: there may be room now that there was not. */
  readonly onLook: () => void;
  /** A delivery went elsewhere, and no later one shows it: it is to be looked for. */
  readonly onMissed: () => void;
  readonly tenure: Tenure;
}

/** Messages in other hands. */
export interface AwaitedAmount {
  readonly messages: number;
  /** How many of them need room that nothing else may take. */
  readonly reserved: number;
  /** How many were handed back to us so shortly before that nothing else should be asked for. */
  readonly first: number;
  /** How many more may be held than there is room for, so that those come that others wait for. */
  readonly beyond: number;
}

export interface Takeover {
  /**
   * Looks what was delivered, is not settled, and is not here. To be awaited before the first pull, and before the first one
   * after a connection was lost; if it rejects, it is to be called again. Returns whether the consumer is there.
   */
  begin(): Promise<boolean>;
  /** How much is in other hands. */
  awaited(): AwaitedAmount;
  /**
   * Whether somebody else was given something since we looked: the consumer counts its deliveries, and one is missing before this
   * one. Then nothing is taken before we have looked again (L6).
   */
  misses(consumerSequence: number): boolean;
  /** The message was delivered to us. */
  seen(sequence: number): void;
  /** It goes into that lane now: held back if an earlier one of it may be in other hands (C3). */
  met(lane: LaneName, sequence: number): void;
  /** The stream is gone, and with it all that was waited for: its sequences may be other messages' now. */
  streamDeleted(): void;
  /** Looks no more; what is held back stays so. */
  stop(): void;
  /** Holds nothing back any more, and looks no more. */
  abandon(): void;
}

interface State extends TakeoverOptions {
  readonly awaited: Awaited;
  readonly heldBack: HeldBack;
  readonly reader: SoleReader;
  /** Whether something that was waited for has come since the last poll. */
  hasMoved: boolean;
  /** The first message that something waited for at the last poll, and that nobody has read. */
  soughtBefore: number | undefined;
  cancelPoll: () => void;
  cancelCount: () => void;
  stopped: boolean;
}

/**
 * Keeps the order of a key over a change of connector. What the one before us was given and did not settle (it was killed,
 * or it is the system that we take over from) is delivered again only after the consumer's ack wait, while later messages
 * come at once. So those messages are read from the stream, their keys are held back, and each is let go when it comes to
 * us, when it is gone because the other one settled it, or when it should have come long ago. The same goes for messages
 * that were on their way to us when a connection broke.
 *
 * With a lease nobody else reads, so nobody waits for the ack wait: those messages are handed back at once by their sequences. The
 * server delivers them again in that order, before anything new. Thousands of them are not read for that where it is enough to know
 * where they are: what comes after one that is not here yet waits, and only if that one does not come is it read.
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
  const state: State = {
    ...options,
    awaited,
    heldBack: createHeldBack(),
    reader: createSoleReader(options.tenure),
    hasMoved: false,
    soughtBefore: undefined,
    cancelPoll: () => undefined,
    cancelCount: () => undefined,
    stopped: false,
  };
  const stop = (): void => {
    state.stopped = true;
    state.cancelPoll();
    state.cancelCount();
  };
  return {
    begin: async () => {
      try {
        return await lookThrough(state);
      } finally {
        // Also if it failed midway: what is held back by then must not be forgotten.
        schedule(state);
        scheduleCount(state);
      }
    },
    awaited: () => {
      const nowMs = options.clock.nowMs();
      const { size: messages, beyond } = awaited;
      return { messages, beyond, reserved: awaited.reserved(nowMs), first: awaited.first(nowMs) };
    },
    misses: (consumerSequence) => state.reader.misses(consumerSequence, options.clock.nowMs()),
    seen: (sequence) => {
      if (release(state, sequence)) state.hasMoved = true;
    },
    met: (lane, sequence) => hold(state, state.heldBack.met(lane, sequence)),
    streamDeleted: () => releaseAll(state),
    stop,
    abandon: () => {
      stop();
      releaseAll(state);
    },
  };
};

const lookThrough = async (state: State): Promise<boolean> => {
  const found = await lookWhoReads(state);
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
  const { connection, consumer, reader, log } = state;
  const find = await wayToFind({ connection, consumer, stream: found.stream, position, isAlone: reader.isAlone });
  const { gone, elsewhere } = await findUnsettled(state, position, find);
  if (reader.isAlone && !state.stopped) await handBack(state, elsewhere);
  const unsettled = info.num_ack_pending;
  if (unsettled > 0) {
    log.info('takeover', { consumer: consumer.durable, unsettled, heldBack: state.awaited.size, gone });
  }
  return true;
};

/** Reads how things stand, once more while a late request of the one before us may get messages (L6). */
const lookWhoReads = async (state: State) => {
  const { reader, clock, log, consumer } = state;
  for (;;) {
    const askedMs = clock.nowMs();
    const found = await readState(state);
    if (found === undefined) return undefined;
    const { num_ack_pending: unsettled, num_waiting: waiting, delivered } = found.info;
    const known = reader.looked({ delivered: delivered.consumer_seq, unsettled, waiting }, askedMs);
    if (known === 'another_reader') {
      const reason = 'somebody else reads this durable without a lease: the order of keys is not kept. Stop it';
      log.warn('another_reader', { consumer: consumer.durable, requests: waiting, reason });
    }
    if (known !== 'look_again' || state.stopped) return found;
    await pause(clock, lookAgainMs);
  }
};

const lookAgainMs = 100;

/** What was given to somebody, is unsettled and not here comes again at once, in order, before anything new (L5). */
const handBack = async (state: State, sequences: readonly number[]): Promise<void> => {
  const { connection, consumer, reader } = state;
  // What somebody else reads now must not be handed back by us (L3).
  if (sequences.length === 0 || connection.isClosed() || !mayBegin(state.tenure)) return;
  for (const sequence of sequences) settleUnseen.handBack(connection, consumer, sequence, reader.delivered);
  await connection.flush();
  // Another round trip: servers work off answers and requests side by side.
  await readConsumerInfo(connection, consumer);
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

const hold = ({ onHold }: State, holds: readonly Hold[]): void => {
  for (const each of holds) onHold(each);
};

const releaseAll = (state: State): void => {
  state.awaited.releaseAll();
  hold(state, state.heldBack.allOver());
};

/** Whether it was waited for. */
const release = (state: State, sequence: number): boolean => {
  const isRelease = state.awaited.release(sequence);
  if (isRelease) hold(state, state.heldBack.over(sequence));
  return isRelease;
};

interface Found {
  /** How many messages were delivered and are gone. */
  readonly gone: number;
  /** What is in other hands, in the order of the stream. */
  readonly elsewhere: readonly number[];
}

/** Holds back what is unsettled and not here. */
const findUnsettled = async (state: State, position: ConsumerPosition, find: FindPlace): Promise<Found> => {
  const { connection, consumer } = state;
  const search = searchUnsettled(position, state.isHeld);
  const elsewhere: number[] = [];
  let goneCount = 0;
  for (let next = search.next(); next !== undefined; next = search.next()) {
    const place = await find(next);
    if (state.stopped) break;
    const { gone, isElsewhere, mayBeUnsettled } = search.found(place?.sequence);
    for (const sequence of gone) settleUnseen.gone(connection, consumer, sequence);
    goneCount += gone.length;
    if (place === undefined || !isElsewhere) continue;
    const { message } = place;
    if (message !== undefined && (!takesSubject(consumer, message.subject) || state.settleAgain(message))) continue;
    if (!mayBeUnsettled) continue;
    elsewhere.push(place.sequence);
    awaitPlace(state, place);
  }
  return { gone: goneCount, elsewhere };
};

const awaitPlace = (state: State, { sequence, message }: Place): void => {
  const { awaited, heldBack, clock, reader } = state;
  const isNew = awaited.add(sequence, clock.nowMs(), reader.isAlone);
  if (message === undefined) {
    if (isNew) heldBack.addUnread(sequence);
  } else if (isNew || heldBack.isUnread(sequence)) {
    hold(state, heldBack.read([{ sequence, lane: state.laneOf(message) }]));
  }
};

const pollMs = 500;

const schedule = (state: State): void => {
  state.cancelPoll();
  if (!state.stopped && state.awaited.size > 0) state.cancelPoll = state.clock.after(pollMs, () => void poll(state));
};

const countMs = 2_500;

/** Only a tenure is counted in: without one others may read. */
const scheduleCount = (state: State): void => {
  state.cancelCount();
  const { stopped, tenure, clock } = state;
  if (!stopped && tenure.isExclusive) state.cancelCount = clock.after(countMs, () => void count(state));
};

const count = async (state: State): Promise<void> => {
  const { connection, consumer, log, reader, clock } = state;
  try {
    if (reader.isAlone && mayBegin(state.tenure) && !connection.isClosed()) {
      const { delivered } = await readConsumerInfo(connection, consumer);
      if (!state.stopped && reader.counted(delivered.consumer_seq, clock.nowMs())) {
        log.warn('delivery_missed', { consumer: consumer.durable, after: reader.delivered });
        state.onMissed();
      }
    }
  } catch (error) {
    log.warn('takeover_poll_failed', { consumer: consumer.durable, ...errorFields(error) });
  }
  scheduleCount(state);
};

const poll = async (state: State): Promise<void> => {
  const { connection, consumer, log } = state;
  const inVain = (error: unknown): void =>
    log.warn('takeover_poll_failed', { consumer: consumer.durable, ...errorFields(error) });
  await releaseSettled(state).catch(inVain);
  await readSought(state).catch(inVain);
  if (state.stopped) return;
  const { released, renewed, handedBack } = state.awaited.due(state.clock.nowMs(), state.asking());
  for (const sequence of released) hold(state, state.heldBack.over(sequence));
  if (!connection.isClosed() && mayBegin(state.tenure)) {
    for (const sequence of renewed) settleUnseen.working(connection, consumer, sequence);
    for (const sequence of handedBack) settleUnseen.handBack(connection, consumer, sequence, state.reader.delivered);
    const overdue = renewed.length + handedBack.length;
    if (overdue > 0) log.warn('takeover_overdue', { consumer: consumer.durable, messages: overdue });
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
  // While they come, those that are gone can wait.
  const { hasMoved } = state;
  state.hasMoved = false;
  for (const sequence of awaited.sequences()) {
    if (!awaited.has(sequence)) continue;
    if (isSettled(position, sequence)) release(state, sequence);
    else if (!hasMoved && !(await isStored(connection, consumer.stream, sequence))) release(state, sequence);
    if (state.stopped) return;
  }
};

/** So many lanes are made known at a time. */
const soughtPortion = 500;

/**
 * What waits for a message that nobody has read, and that has not come since the last poll, is to wait for those of its own lane
 * only.
 */
const readSought = async (state: State): Promise<void> => {
  const { connection, consumer, heldBack, soughtBefore } = state;
  const sought = heldBack.sought();
  state.soughtBefore = sought[0];
  if (sought.length === 0 || sought[0] !== soughtBefore) return;
  const read = readAhead((from) => nextStoredMessage(connection, consumer.stream, from), sought.at(-1)!);
  for (let from = 0; from < sought.length; from += soughtPortion) {
    const found: ReadLane[] = [];
    for (const sequence of sought.slice(from, from + soughtPortion)) {
      const message = heldBack.isUnread(sequence) ? await read(sequence) : undefined;
      if (state.stopped) return;
      if (message?.sequence === sequence) found.push({ sequence, lane: state.laneOf(message) });
    }
    hold(state, heldBack.read(found.filter(({ sequence }) => heldBack.isUnread(sequence))));
  }
};
