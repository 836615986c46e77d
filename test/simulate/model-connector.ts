import { createDispatch } from '../../infra/connector/dispatch/core.ts';
import type { DispatchCommand, DispatchEvent, PostedMessage } from '../../infra/connector/dispatch/protocol.ts';
import { createAwaited } from '../../infra/connector/intake/awaited.ts';
import { createHeldMessages, meetDelivery } from '../../infra/connector/intake/held-messages.ts';
import { pullCapacity } from '../../infra/connector/intake/pull-capacity.ts';
import { storedKey, type ReceivedMessage } from '../../infra/connector/intake/received-message.ts';
import { isSettled, searchUnsettled, type ConsumerPosition } from '../../infra/connector/intake/unsettled-search.ts';
import { createRecentAnswers } from '../../infra/connector/settle/recent-answers.ts';
import type { TriggerLimits } from '../../shared/routing/routing.ts';
import { receivedMessage } from '../support/received-message.ts';
import { ackWaitMs, type AnswerKind, type AnswerOnTheWire, type Delivery, type Entry } from './model-server.ts';

/** What the connector reaches: the other side of every wire. */
export interface Surroundings {
  readonly nowMs: () => number;
  /** Reads the stream; the consumer and the stream as they are now. */
  readonly position: () => Omit<ConsumerPosition, 'lastHeldSequence'>;
  readonly nextStored: (sequence: number) => Entry | undefined;
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
}

const pollMs = 500;
const keepAliveMs = Math.floor(ackWaitMs / 3);

/** A stream that is made anew stores its messages at other times. */
const keyOf = ({ sequence, generation }: Pick<Entry, 'sequence' | 'generation'>): string =>
  storedKey(sequence, String(generation));

/**
 * One life of the connector, from its start to its end or its death. All its decisions are the product's own: dispatch, what is
 * held, what is in other hands, what was answered a moment ago, how much to ask for. Only what the product's shells do with
 * sockets and timers is done here, in the same order and at once.
 */
export const createModelConnector = (options: ConnectorOptions, outside: Surroundings) => {
  const { limits } = options;
  const dispatch = createDispatch({ limits, seed: options.seed });
  const held = createHeldMessages<'durable'>();
  const recent = createRecentAnswers(1_000);
  const awaited = createAwaited(ackWaitMs);
  const blocked = new Map<number, string>();
  /** Every event with its time, so that the core can be run again. */
  const events: { readonly event: DispatchEvent; readonly atMs: number }[] = [];
  const said: string[] = [];
  let timerAtMs: number | undefined;
  let pollAtMs: number | undefined;
  let keepAliveAtMs = outside.nowMs() + keepAliveMs;
  let isLookAsked = false;
  let isLooking = true;
  let patienceEnded = false;

  const feed = (event: DispatchEvent): void => {
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

  const unblock = (sequence: number): void => {
    const key = blocked.get(sequence);
    blocked.delete(sequence);
    if (key !== undefined) feed({ type: 'key_unblocked', key, sequence });
  };
  const release = (sequence: number): void => {
    if (awaited.release(sequence)) unblock(sequence);
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

  const findUnsettled = (most: number): void => {
    const position = { ...outside.position(), lastHeldSequence: held.lastSequence() };
    const search = searchUnsettled(position, held.hasSequence);
    let reads = 0;
    for (let next = search.next(); next !== undefined; next = search.next()) {
      if (reads >= most) throw new Error('the server went away');
      reads += 1;
      const entry = outside.nextStored(next);
      const { gone, isElsewhere, mayBeUnsettled } = search.found(entry?.sequence);
      for (const sequence of gone) outside.send({ kind: 'ack', sequence, generation: 0 });
      if (entry === undefined || !isElsewhere || repeatFor(entry)) continue;
      if (!mayBeUnsettled || !awaited.add(entry.sequence, outside.nowMs())) continue;
      if (entry.kind === 'unreadable') continue;
      blocked.set(entry.sequence, entry.key);
      feed({ type: 'key_blocked', key: entry.key, sequence: entry.sequence });
    }
  };

  const takeNew = (delivery: Delivery): void => {
    const { id, key, kind } = options.entryOf(delivery);
    const message = receivedMessage(delivery.sequence, {
      id,
      storedKey: keyOf(delivery),
      deadLetterId: `dead/${id}`,
      receivedMs: outside.nowMs(),
      deliveryCount: delivery.deliveryCount,
    });
    const isReadable = kind !== 'unreadable';
    const lane = isReadable ? { functionName: 'state-direct', key } : undefined;
    held.add({ message, source: 'durable', lane, reply: '', deliveryCount: delivery.deliveryCount });
    if (isReadable) feed({ type: 'message_received', key, message, maxDeliver: undefined });
    else outside.onReject(message, 'invalid_json');
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
    begin: (mostReads = Number.POSITIVE_INFINITY): void => {
      isLooking = true;
      const position = outside.position();
      for (const sequence of awaited.sequences()) if (isSettled(position, sequence)) release(sequence);
      try {
        findUnsettled(mostReads);
        isLooking = false;
      } finally {
        schedulePoll();
      }
    },
    /** The connection broke: before the next pull it has to look again. */
    disconnected: (): void => {
      isLooking = true;
    },
    take: (delivery: Delivery): void => {
      release(delivery.sequence);
      const met = meetDelivery(keyOf(delivery), held, recent);
      if (met.kind === 'new') return takeNew(delivery);
      const { sequence, generation, deliveryCount } = delivery;
      if (met.kind === 'settled') return outside.send({ kind: met.answer.how, sequence, generation });
      const { message, lane } = held.redelivered(met.held, { reply: '', deliveryCount });
      if (lane !== undefined) feed({ type: 'message_redelivered', key: lane.key, message, deliveryCount });
    },
    /** Settles what is held, and only that (C9). */
    settle: (how: 'ack' | 'term', message: ReceivedMessage): void => {
      if (held.release(message.storedKey) === undefined) return;
      send(how, message);
      recent.add(message.storedKey, { how, reply: '' });
    },
    streamDeleted: (): void => {
      held.clear();
      for (const sequence of awaited.releaseAll()) unblock(sequence);
      feed({ type: 'messages_orphaned' });
    },
    /** The next time at which it does something by itself. */
    nextTimeMs: (): number => {
      if (isLookAsked) return outside.nowMs();
      return Math.min(timerAtMs ?? Infinity, pollAtMs ?? Infinity, keepAliveAtMs);
    },
    /** Does what its timers say by now. */
    tick: (): void => {
      const nowMs = outside.nowMs();
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
        for (const sequence of awaited.sequences()) {
          const isGone = outside.nextStored(sequence)?.sequence !== sequence;
          if (isGone || isSettled(position, sequence)) release(sequence);
        }
        const { released, renewed } = awaited.due(nowMs, !isReading() ? 'away' : room(0) > 0 ? 'asking' : 'full');
        if (released.length > 0) patienceEnded = true;
        for (const sequence of released) unblock(sequence);
        for (const sequence of renewed) outside.send({ kind: 'working', sequence, generation: 0 });
        schedulePoll();
      }
      if (keepAliveAtMs <= nowMs) {
        keepAliveAtMs = nowMs + keepAliveMs;
        for (const { message } of held.entries()) {
          if (nowMs - message.receivedMs >= ackWaitMs / 4) send('working', message);
        }
      }
    },
    /** Hands back what is held, at the end. */
    handBack: (): void => {
      for (const { message } of held.entries()) send('nak', message);
      held.clear();
    },
  };
};

export type ModelConnector = ReturnType<typeof createModelConnector>;
