import type { NatsConnection } from '../../../shared/nats/connect.ts';
import { readConsumerLag, type ConsumerLag } from '../../../shared/nats/consumer-lag.ts';
import { ensureConsumers, type BoundConsumer } from '../../../shared/nats/ensure-consumer.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import { pullMessages, type Capacity, type Puller } from '../../../shared/nats/pull-messages.ts';
import { watchDeletion } from '../../../shared/nats/watch-deletion.ts';
import { errorFields } from '../../../shared/telemetry/log.ts';
import { pause } from '../clock.ts';
import { pullExpiryMs } from '../lease/pull-expiry.ts';
import { mayBegin } from '../lease/tenure.ts';
import { classifyPayload } from './classify-payload.ts';
import type { Asking } from './awaited.ts';
import { pullCapacity } from './pull-capacity.ts';
import { storedKey } from './received-message.ts';
import { laneOf, takeDelivery, type Source, type Taking } from './take-delivery.ts';
import { createTakeover } from './takeover.ts';

export interface IntakeOptions extends Taking {
  /** Durable name and what it receives. */
  readonly durable: string;
  readonly filterSubjects: readonly string[];
  readonly connection: NatsConnection;
  /** Whether an operator has paused the durable: then nothing is pulled (C15). */
  readonly isPaused: () => boolean;
}

/** Reads one durable: pulls what there is room for, and hands each message to the dispatch of its function. */
export interface Intake {
  /** Makes stream and consumer, and begins to pull; tried until it works. */
  start(): Promise<void>;
  readonly isConsuming: boolean;
  /** Looks again whether there is room. */
  wake(): void;
  /** Reads on after a time in which somebody else might have read. */
  resume(): void;
  /** How far its consumers are behind; without those that the server does not answer for. */
  lags(): Promise<readonly ConsumerLag[]>;
  /** Pulls no more; resolves once what was on its way is here. What is held is still kept alive. */
  stop(): Promise<void>;
  /** Ends also that. */
  close(): void;
}

interface State extends IntakeOptions {
  readonly sources: Source[];
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** When the stream was made, as far as that is known. */
  streamCreated: string | undefined;
  keepAliveTimer: NodeJS.Timeout | undefined;
  unwatch: () => void;
  started: boolean;
  stopping: boolean;
}

export const createIntake = (options: IntakeOptions): Intake => {
  const state: State = {
    ...options,
    sources: [],
    maxMessages: Math.max(...options.triggers.map(({ limits }) => limits.maxInFlightMessages)),
    maxBytes: Math.max(...options.triggers.map(({ limits }) => limits.maxInFlightBytes)),
    streamCreated: undefined,
    keepAliveTimer: undefined,
    unwatch: () => undefined,
    started: false,
    stopping: false,
  };
  return {
    start: () => start(state),
    get isConsuming() {
      return state.started && !state.stopping && state.sources.every(({ puller }) => puller?.healthy === true);
    },
    wake: () => {
      for (const { puller } of state.sources) puller?.wake();
    },
    resume: () => {
      for (const { puller } of state.sources) puller?.beginAnew();
    },
    lags: () => readLags(state),
    stop: () => stop(state),
    close: () => clearInterval(state.keepAliveTimer),
  };
};

const start = async (state: State): Promise<void> => {
  let delayMs = 250;
  while (!(await tryStart(state))) {
    await pause(state.clock, delayMs);
    delayMs = Math.min(delayMs * 2, 5_000);
  }
};

const tryStart = async (state: State): Promise<boolean> => {
  if (state.stopping) return true;
  try {
    await startSources(state);
    return true;
  } catch (error) {
    state.log.error('consumer_failed', { consumer: state.durable, ...errorFields(error) });
    return false;
  }
};

const startSources = async (state: State): Promise<void> => {
  const { connection, route, settler } = state;
  const consumers = await ensure(state);
  for (const { durable, warnings } of consumers) {
    for (const reason of warnings) state.log.warn('consumer_setting', { consumer: durable, reason });
  }
  const fresh = consumers.map((consumer) => sourceOf(state, consumer));
  try {
    for (const { takeover } of fresh) await takeover.begin();
  } catch (error) {
    // The next try looks again with new ones; nothing may stay held back by these.
    for (const { takeover } of fresh) takeover.abandon();
    throw error;
  }
  if (state.stopping) return;
  state.sources.push(...fresh);
  state.unwatch = watchDeletion(connection, route.name, () => {
    onStreamDeleted(state);
    for (const { puller } of state.sources) puller?.restore();
  });
  const leastAckWaitMs = Math.min(...consumers.map(({ ackWaitMs }) => ackWaitMs));
  state.keepAliveTimer = setInterval(settler.keepAlive, Math.max(50, Math.floor(leastAckWaitMs / 3)));
  for (const source of state.sources) source.puller = pull(state, source);
  state.started = true;
};

const ensure = async (state: State): Promise<readonly BoundConsumer[]> => {
  const { connection, route } = state;
  const onWarning = (reason: string): void => state.log.warn('stream_setting', { stream: route.name, reason });
  const stream = await ensureStream(connection, { stream: route.name, baseSubject: route.subject, onWarning });
  noticeStream(state, stream.created);
  return await ensureConsumers(connection, {
    stream,
    durable: state.durable,
    filterSubjects: state.filterSubjects,
    ackWaitMs: route.ackWaitSeconds * 1_000,
    maxAckPending: Math.max(1_000, state.maxMessages),
  });
};

/** The server's own word of a deletion comes at once, unless there is no connection, or it may not be heard. */
const noticeStream = (state: State, created: string): void => {
  if (state.streamCreated !== undefined && created !== state.streamCreated) onStreamDeleted(state);
  state.streamCreated = created;
};

/**
 * A stream that is made anew counts from 1 again, and nats-server 2.9 removes whatever has the sequence of an answer: what
 * is held of the stream before is worked on, and never answered (C9).
 */
const onStreamDeleted = ({ held, dispatchers, sources, log, route }: State): void => {
  log.warn('stream_deleted', { stream: route.name, held: held.size });
  held.clear();
  for (const { takeover } of sources) takeover.streamDeleted();
  for (const dispatcher of dispatchers.values()) dispatcher.feed({ type: 'messages_orphaned' });
};

const sourceOf = (state: State, consumer: BoundConsumer): Source => {
  const { connection, clock, log, held, settler } = state;
  const takeover = createTakeover({
    connection,
    consumer,
    clock,
    log,
    isHeld: held.hasSequence,
    lastHeldSequence: held.lastSequence,
    onStream: ({ created }) => noticeStream(state, created),
    settleAgain: ({ sequence, storedNs }) => settler.repeatFor(storedKey(sequence, storedNs)),
    laneOf: ({ payload }) => laneOf(classifyPayload(payload, state.triggers)),
    onHold: ({ type, lane, sequence }) =>
      state.dispatchers.get(lane.functionName)!.feed({ type, key: lane.key, sequence }),
    asking: () => askingOf(state, source),
    onLook: () => source.puller?.wake(),
    onMissed: () => source.puller?.beginAnew(),
    tenure: state.tenure,
  });
  const source: Source = { consumer, takeover, puller: undefined };
  return source;
};

const askingOf = (state: State, source: Source): Asking => {
  if (source.puller?.healthy !== true || !mayBegin(state.tenure)) return 'away';
  return capacityOf(state, source).messages > 0 ? 'asking' : 'full';
};

const pull = (state: State, source: Source): Puller => {
  const { consumer, takeover } = source;
  return pullMessages(state.connection, {
    stream: consumer.stream,
    durable: consumer.durable,
    capacity: () => capacityOf(state, source),
    expiresMs: () => Math.min(pullExpiryMs(state.tenure.remainingMs()), consumer.requestLimits.expiresMs ?? Infinity),
    onMessage: (message) => takeDelivery(state, source, message),
    resume: () => takeover.begin(),
    restore: async () => void (await ensure(state)),
    onTrouble: (detail, error) => {
      const fields = error === undefined ? {} : errorFields(error);
      state.log.warn('pull_trouble', { consumer: consumer.durable, detail, ...fields });
    },
  });
};

const capacityOf = (state: State, source: Source): Capacity => {
  if (state.stopping || state.isPaused()) return { messages: 0, bytes: 0 };
  const { messages, bytes } = state.held.amountOf(source);
  const awaited = source.takeover.awaited();
  return pullCapacity({
    maxMessages: state.maxMessages,
    maxBytes: state.maxBytes,
    shares: Math.max(1, state.sources.length),
    heldMessages: messages,
    heldBytes: bytes,
    awaitedMessages: awaited.messages,
    reservedMessages: awaited.reserved,
    firstMessages: awaited.first,
    beyondMessages: awaited.beyond,
    functions: [...state.dispatchers.values()].map(({ view }) => view),
    maxPayloadBytes: state.connection.info?.max_payload ?? 1_048_576,
    requestLimits: source.consumer.requestLimits,
  });
};

const readLags = async ({ connection, sources }: State): Promise<readonly ConsumerLag[]> => {
  const lags = await Promise.allSettled(sources.map(({ consumer }) => readConsumerLag(connection, consumer)));
  return lags.flatMap((lag) => (lag.status === 'fulfilled' ? [lag.value] : []));
};

const stop = async (state: State): Promise<void> => {
  state.stopping = true;
  state.unwatch();
  for (const { takeover } of state.sources) takeover.stop();
  await Promise.all(state.sources.map(async ({ puller }) => await puller?.stop()));
};
