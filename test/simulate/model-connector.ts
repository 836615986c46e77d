import { createDispatch } from '../../infra/connector/dispatch/core.ts';
import type { DispatchCommand, DispatchEvent, PostedMessage } from '../../infra/connector/dispatch/protocol.ts';
import { createAwaited } from '../../infra/connector/intake/awaited.ts';
import { createHeldBack, type Hold, type LaneName } from '../../infra/connector/intake/held-back.ts';
import { createHeldMessages, meetDelivery } from '../../infra/connector/intake/held-messages.ts';
import { pullCapacity } from '../../infra/connector/intake/pull-capacity.ts';
import { storedKey, type ReceivedMessage } from '../../infra/connector/intake/received-message.ts';
import { createSoleReader, type ConsumerSight } from '../../infra/connector/intake/sole-reader.ts';
import {
  isSettled,
  mayStayUnread,
  searchUnsettled,
  type ConsumerPosition,
} from '../../infra/connector/intake/unsettled-search.ts';
import { mayBegin, unlimitedTenure, type Tenure } from '../../infra/connector/lease/tenure.ts';
import { createRecentAnswers } from '../../infra/connector/settle/recent-answers.ts';
import type { TriggerLimits } from '../../shared/routing/routing.ts';
import { receivedMessage } from '../support/received-message.ts';
import { ackWaitMs, type AnswerKind, type AnswerOnTheWire, type Delivery, type Entry } from './model-server.ts';

/** Consumer and stream, as one look shows them. */
export type Sight = Omit<ConsumerPosition, 'lastHeldSequence'> & { readonly consumer: ConsumerSight };

/** What the connector reaches: the other side of every wire. */
export interface Surroundings {
  /** On the connector's own clock. */
  readonly nowMs: () => number;
  /** Reads the stream; the consumer and the stream as they are now. */
  readonly position: () => Sight;
  readonly nextStored: (sequence: number) => Entry | undefined;
  /** Whether the server can be asked now; always if absent. */
  readonly isReachable?: () => boolean;
  readonly send: (answer: AnswerOnTheWire) => void;
  readonly post: (requestId: number, messages: readonly PostedMessage[]) => void;
  readonly checkHealth: (requestId: number) => void;
  readonly abortRequests: () => void;
  readonly onAck: (messages: readonly ReceivedMessage[]) => void;
  readonly onReject: (message: ReceivedMessage, code: string) => void;
}

export interface ConnectorOptions {
  readonly seed: number;
  readonly limits: TriggerLimits;
  /** The messages of the stream by place and generation. */
  readonly entryOf: (delivery: Delivery) => Entry;
  /** Which stream of its name the message is from. */
  readonly generationOf: (message: ReceivedMessage) => number;
  /** The time in which it reads; without one it works as if it were alone. */
  readonly tenure?: Tenure;
  readonly ackWaitMs?: number;
}

const pollMs = 500;
const countMs = 2_500;

const laneOf = ({ key, kind }: Pick<Entry, 'key' | 'kind'>): LaneName | undefined =>
  kind === 'unreadable' ? undefined : { functionName: 'state-direct', key };

/** A stream that is made anew stores its messages at other times. */
const keyOf = ({ sequence, generation }: Pick<Entry, 'sequence' | 'generation'>): string =>
  storedKey(sequence, String(generation));

/**
 * One life of the connector, from its start to its end or its death. All its decisions are the product's own: dispatch, what is
 * held, what is in other hands, what was answered a moment ago, how much to ask for. Only what the product's shells do with
 * sockets and timers is done here, in the same order and at once.
 */
export const createModelConnector = (options: ConnectorOptions, outside: Surroundings) => {
  const { limits, tenure = unlimitedTenure, ackWaitMs: waitMs = ackWaitMs } = options;
  const keepAliveMs = Math.floor(waitMs / 3);
  const dispatch = createDispatch({ limits, seed: options.seed });
  const held = createHeldMessages<'durable'>();
  const recent = createRecentAnswers(1_000);
  const awaited = createAwaited(waitMs);
  const reader = createSoleReader(tenure);
  const heldBack = createHeldBack();
  let soughtBefore: number | undefined;
  /** Every event with its time, so that the core can be run again. */
  const events: { readonly event: DispatchEvent; readonly atMs: number }[] = [];
  const said: string[] = [];
  let timerAtMs: number | undefined;
  let pollAtMs: number | undefined;
  let countAtMs = tenure.isExclusive ? outside.nowMs() + countMs : Infinity;
  let keepAliveAtMs = outside.nowMs() + keepAliveMs;
  let isLookAsked = false;
  let isLooking = true;
  let patienceEnded = false;

  const feed = (event: DispatchEvent): void => {
    if (event.type !== 'suspend' && dispatch.view.mode === 'running' && !mayBegin(tenure)) feed({ type: 'suspend' });
    const atMs = outside.nowMs();
    events.push({ event, atMs });
    for (const command of dispatch.step(event, atMs)) {
      said.push(command.type);
      obey(command);
    }
  };
  const obey = (command: DispatchCommand): void => {
    if (command.type === 'post_batch') outside.post(command.requestId, command.messages);
    else if (command.type === 'check_health') outside.checkHealth(command.requestId);
    else if (command.type === 'set_timer') timerAtMs = command.atMs;
    else if (command.type === 'look_soon') isLookAsked = true;
    else if (command.type === 'abort_requests') outside.abortRequests();
    else if (command.type === 'ack') outside.onAck(command.messages);
    else if (command.type === 'reject') outside.onReject(command.message, command.code);
  };

  const send = (kind: AnswerKind, message: ReceivedMessage): void =>
    outside.send({ kind, sequence: message.sequence, generation: options.generationOf(message) });

  const hold = (holds: readonly Hold[]): void => {
    for (const { type, lane, sequence } of holds) feed({ type, key: lane.key, sequence });
  };
  const release = (sequence: number): void => {
    if (awaited.release(sequence)) hold(heldBack.over(sequence));
  };
  const schedulePoll = (): void => {
    pollAtMs = awaited.size > 0 ? outside.nowMs() + pollMs : undefined;
  };

  const repeatFor = (entry: Entry): boolean => {
    const answer = recent.find(keyOf(entry));
    if (answer === undefined) return false;
    outside.send({ kind: answer.how, sequence: entry.sequence, generation: entry.generation });
    return true;
  };

  /** Holds back what is unsettled and not here; returns it. */
  const findUnsettled = (most: number, sight: Sight): readonly number[] => {
    const elsewhere: number[] = [];
    const position = { ...sight, lastHeldSequence: held.lastSequence() };
    const search = searchUnsettled(position, held.hasSequence);
    const isUnread = reader.isAlone && mayStayUnread(position, 0);
    let reads = 0;
    for (let next = search.next(); next !== undefined; next = search.next()) {
      if (reads >= most) throw new Error('the server went away');
      reads += 1;
      const entry = outside.nextStored(next);
      const { gone, isElsewhere, mayBeUnsettled } = search.found(entry?.sequence);
      for (const sequence of gone) outside.send({ kind: 'ack', sequence, generation: 0 });
      if (entry === undefined || !isElsewhere || (!isUnread && repeatFor(entry))) continue;
      if (!mayBeUnsettled) continue;
      const { sequence } = entry;
      elsewhere.push(sequence);
      const isNew = awaited.add(sequence, outside.nowMs(), reader.isAlone);
      if (isUnread && isNew) heldBack.addUnread(sequence);
      else if (!isUnread && (isNew || heldBack.isUnread(sequence)))
        hold(heldBack.read([{ sequence, lane: laneOf(entry) }]));
    }
    return elsewhere;
  };
  /** What waits for a message that nobody has read waits for those of its own lane only, if that one does not come. */
  const readSought = (): void => {
    const sought = heldBack.sought();
    const isSoughtAgain = sought.length > 0 && sought[0] === soughtBefore;
    soughtBefore = sought[0];
    if (!isSoughtAgain) return;
    const found = sought.flatMap((sequence) => {
      const entry = outside.nextStored(sequence);
      return entry?.sequence === sequence ? [{ sequence, lane: laneOf(entry) }] : [];
    });
    hold(heldBack.read(found));
  };
  const handBackUnseen = (sequences: readonly number[]): void => {
    const { delivered } = reader;
    if (!mayBegin(tenure)) return;
    for (const sequence of sequences) outside.send({ kind: 'hand_back', sequence, generation: 0, delivered });
  };

  const takeNew = (delivery: Delivery): void => {
    const { id, key, kind } = options.entryOf(delivery);
    const message = receivedMessage(delivery.sequence, {
      id,
      storedKey: keyOf(delivery),
      receivedMs: outside.nowMs(),
      deliveryCount: delivery.deliveryCount,
    });
    const lane = laneOf({ key, kind });
    held.add({ message, source: 'durable', lane, reply: '', deliveryCount: delivery.deliveryCount });
    if (lane !== undefined) {
      hold(heldBack.met(lane, delivery.sequence));
      feed({ type: 'message_received', key, message, maxDeliver: undefined });
    } else outside.onReject(message, 'invalid_json');
  };

  const keepAlive = (nowMs: number): void => {
    keepAliveAtMs = nowMs + keepAliveMs;
    if (!mayBegin(tenure)) return;
    for (const { message } of held.entries()) {
      if (nowMs - message.receivedMs >= waitMs / 4) send('working', message);
    }
  };

  const isReading = (): boolean => !isLooking && dispatch.view.mode === 'running';
  const room = (onTheWay: number): number =>
    pullCapacity({
      maxMessages: limits.maxInFlightMessages,
      maxBytes: limits.maxInFlightBytes,
      shares: 1,
      heldMessages: held.size,
      heldBytes: held.amountOf('durable').bytes,
      awaitedMessages: awaited.size,
      reservedMessages: awaited.reserved(outside.nowMs()),
      firstMessages: awaited.first(outside.nowMs()),
      beyondMessages: awaited.beyond,
      functions: [dispatch.view],
      maxPayloadBytes: 1_024,
      requestLimits: { messages: undefined, bytes: undefined, expiresMs: undefined },
    }).messages - onTheWay;

  return {
    dispatch,
    events,
    said,
    get heldMessages() {
      return held.size;
    },
    /** Whether it reads: it has looked what is under way. */
    get isReading() {
      return isReading();
    },
    /** Whether it knows that nobody else reads, and hands back what others had. */
    get isAlone() {
      return reader.isAlone;
    },
    /** Messages that it may hold beyond its room, because others wait for what was handed back. */
    get beyond() {
      return awaited.beyond;
    },
    /** Whether it gave up waiting for a message in other hands: the order of keys is not promised any more. */
    get hasLostPatience() {
      return patienceEnded;
    },
    isHeld: (entry: Entry): boolean => held.find(keyOf(entry)) !== undefined,
    isAwaited: (sequence: number): boolean => awaited.sequences().includes(sequence),
    feed,
    /** How many messages it would ask for now, beside those that are on their way. */
    room,
    /** Looks what was delivered, is not settled and is not here; fails after so many reads. */
    begin: (
      mostReads = Number.POSITIVE_INFINITY,
      sight = outside.position(),
      askedMs = outside.nowMs(),
    ): 'done' | 'look_again' => {
      isLooking = true;
      if (reader.looked(sight.consumer, askedMs) === 'look_again') return 'look_again';
      for (const sequence of awaited.sequences()) if (isSettled(sight, sequence)) release(sequence);
      try {
        const elsewhere = findUnsettled(mostReads, sight);
        if (reader.isAlone) handBackUnseen(elsewhere);
        isLooking = false;
        return 'done';
      } finally {
        schedulePoll();
      }
    },
    /** The connection broke: before the next pull it has to look again. */
    disconnected: (): void => {
      isLooking = true;
    },
    /** Takes a delivery. Not so if our time is over; nor if one before it went elsewhere: then we have to look again. */
    take: (delivery: Delivery): 'taken' | 'not_ours' | 'look_again' => {
      if (!mayBegin(tenure)) return 'not_ours';
      if (reader.misses(delivery.consumerSequence, outside.nowMs())) return 'look_again';
      release(delivery.sequence);
      const met = meetDelivery(keyOf(delivery), held, recent);
      const { sequence, generation, deliveryCount } = delivery;
      if (met.kind === 'new') takeNew(delivery);
      else if (met.kind === 'settled') outside.send({ kind: met.answer.how, sequence, generation });
      else {
        const { message, lane } = held.redelivered(met.held, { reply: '', deliveryCount });
        if (lane !== undefined) feed({ type: 'message_redelivered', key: lane.key, message, deliveryCount });
      }
      return 'taken';
    },
    /** Settles what is held, and only that (C9). */
    settle: (how: 'ack' | 'term', message: ReceivedMessage): void => {
      if (held.release(message.storedKey) === undefined) return;
      send(how, message);
      recent.add(message.storedKey, { how, reply: '' });
    },
    streamDeleted: (): void => {
      held.clear();
      awaited.releaseAll();
      hold(heldBack.allOver());
      feed({ type: 'messages_orphaned' });
    },
    /** The next time at which it does something by itself. */
    nextTimeMs: (): number => {
      if (isLookAsked) return outside.nowMs();
      return Math.min(timerAtMs ?? Infinity, pollAtMs ?? Infinity, countAtMs, keepAliveAtMs);
    },
    /** Does what its timers say by now; whether it has to look again, because a delivery went elsewhere. */
    tick: (): boolean => {
      const nowMs = outside.nowMs();
      const isReachable = outside.isReachable?.() ?? true;
      if (isLookAsked) {
        isLookAsked = false;
        feed({ type: 'looked' });
      }
      if (timerAtMs !== undefined && timerAtMs <= nowMs) {
        timerAtMs = undefined;
        feed({ type: 'timer' });
      }
      if (pollAtMs !== undefined && pollAtMs <= nowMs) {
        const position = outside.position();
        for (const sequence of isReachable ? awaited.sequences() : []) {
          const isGone = outside.nextStored(sequence)?.sequence !== sequence;
          if (isGone || isSettled(position, sequence)) release(sequence);
        }
        if (isReachable) readSought();
        const asking = !isReading() || !mayBegin(tenure) ? 'away' : room(0) > 0 ? 'asking' : 'full';
        const { released, renewed, handedBack } = awaited.due(nowMs, asking);
        if (released.length > 0) patienceEnded = true;
        for (const sequence of released) hold(heldBack.over(sequence));
        if (mayBegin(tenure)) {
          for (const sequence of renewed) outside.send({ kind: 'working', sequence, generation: 0 });
          handBackUnseen(handedBack);
        }
        schedulePoll();
      }
      if (keepAliveAtMs <= nowMs) keepAlive(nowMs);
      if (countAtMs > nowMs) return false;
      countAtMs = nowMs + countMs;
      const isCounted = isReachable && isReading() && mayBegin(tenure);
      return isCounted && reader.counted(outside.position().consumer.delivered, nowMs);
    },
    /** Hands back what is held, at the end. A dead letter that is stored by now still ends its message. */
    handBack: (): void => {
      keepAliveAtMs = Infinity;
      for (const { message } of held.entries()) send('nak', message);
    },
    /** Goes on after a time in which the lease was over, and nobody else took it. It has to look again. */
    resume: (): void => {
      keepAlive(outside.nowMs());
      feed({ type: 'resume' });
      isLooking = true;
    },
    /** Pulls no more, and looks no more. */
    endPulls: (): void => {
      pollAtMs = undefined;
      countAtMs = Infinity;
    },
    /** Somebody else reads. */
    abandon: (): void => {
      held.clear();
      feed({ type: 'abort' });
      pollAtMs = undefined;
      countAtMs = Infinity;
      keepAliveAtMs = Infinity;
    },
  };
};

export type ModelConnector = ReturnType<typeof createModelConnector>;
