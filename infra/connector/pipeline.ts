import type { ErrorCode } from '../../shared/errors/error-code.ts';
import type { Msg, NatsConnection } from '../../shared/nats/connect.ts';
import { readConsumerLag } from '../../shared/nats/consumer-lag.ts';
import { ensureConsumers, type BoundConsumer } from '../../shared/nats/ensure-consumer.ts';
import { ensureStream } from '../../shared/nats/ensure-stream.ts';
import { deliveryInfo, settle } from '../../shared/nats/jetstream-message.ts';
import { pullMessages, type Capacity, type Puller } from '../../shared/nats/pull-messages.ts';
import { watchDeletion } from '../../shared/nats/watch-deletion.ts';
import type { TriggerConfig } from '../../shared/routing/routing.ts';
import { errorFields } from '../../shared/telemetry/log.ts';
import { classifyPayload } from './classify-payload.ts';
import { pause, within } from './clock.ts';
import { createFunctionCaller } from './function-caller.ts';
import type { FunctionCaller } from './function-caller-options.ts';
import type { HeldMessage } from './held-message.ts';
import { createHeldMessages, storedKey } from './held-messages.ts';
import { createRecentSettlements } from './recent-settlements.ts';
import { receiveMessage } from './receive-message.ts';
import { pullCapacity } from './pull-capacity.ts';
import type { Pipeline, PipelineOptions } from './pipeline-options.ts';
import { createTakeover, type Takeover } from './takeover.ts';

const pullExpiresMs = 30_000;
const handBackDelayMs = 1_000;
/** Answers of the last moments; a connection that breaks loses fewer. */
const maxRecentSettlements = 10_000;

/** One durable of the pipeline: servers before 2.10 need one for each subject. */
interface Source {
  readonly consumer: BoundConsumer;
  readonly takeover: Takeover;
  puller: Puller | undefined;
  heldMessages: number;
  heldBytes: number;
}

export const createPipeline = (options: PipelineOptions): Pipeline => {
  const { route, connection, clock, log, metrics, triggers } = options;
  const maxMessages = Math.max(...triggers.map(({ limits }) => limits.maxInFlightMessages));
  const maxBytes = Math.max(...triggers.map(({ limits }) => limits.maxInFlightBytes));
  const held = createHeldMessages<Source>();
  const recent = createRecentSettlements(maxRecentSettlements);
  const blocked = new Map<number, { readonly caller: FunctionCaller; readonly key: string }>();
  const givingUp = new Set<Promise<void>>();
  const sources: Source[] = [];
  let keepAliveTimer: NodeJS.Timeout | undefined;
  let unwatch = (): void => undefined;
  let streamCreated: string | undefined;
  let stopping = false;
  let started = false;

  const answer = (message: HeldMessage, how: (connection: NatsConnection, reply: string) => void): void => {
    // On a closed connection the answer is lost; the message comes again and finds its row in the ledger.
    if (!message.orphaned && !connection.isClosed()) how(connection, message.reply);
  };

  const release = (message: HeldMessage): void => {
    const entry = held.release(message);
    if (entry === undefined) return;
    entry.source.heldMessages -= 1;
    entry.source.heldBytes -= message.heldBytes;
  };

  /**
   * A stream that is made anew counts from 1 again, and nats-server 2.9 removes whatever has the sequence of an answer: what
   * is held of the stream before is worked on, and never answered.
   */
  const noticeDeletion = (): void => {
    const orphans = [...held.entries()].map(({ message }) => message);
    for (const message of orphans) {
      message.orphaned = true;
      release(message);
    }
    log.warn('stream_deleted', { stream: route.name, held: orphans.length });
  };

  /** The server's own word of a deletion comes at once, unless there is no connection, or it may not be heard. */
  const noticeStream = (created: string): void => {
    if (streamCreated !== undefined && created !== streamCreated) noticeDeletion();
    streamCreated = created;
  };

  const wake = (): void => {
    for (const source of sources) source.puller?.wake();
  };

  /** Settles messages on the wire and lets them go; their spans end when the server has read it. */
  const settleAll = (how: 'ack' | 'term', messages: readonly HeldMessage[]): void => {
    const span = options.telemetry.startSettle(how, messages);
    for (const message of messages) {
      answer(message, settle[how]);
      recent.add(storedKey(message.sequence, message.storedNs), { how, reply: message.reply });
      release(message);
    }
    if (connection.isClosed()) return span.end(new Error('the connection is closed'));
    connection.flush().then(
      () => span.end(),
      (error: unknown) => {
        span.end(error);
        log.warn('flush_failed', { stream: route.name, ...errorFields(error) });
      },
    );
  };

  const onAcked = (messages: readonly HeldMessage[]): void => {
    settleAll('ack', messages);
    metrics.add('acked', messages.length, route.name);
    wake();
  };

  const giveUp = async (message: HeldMessage, code: ErrorCode, reason: string): Promise<void> => {
    if (!(await options.deadLetters.store(message, code, reason))) return;
    settleAll('term', [message]);
    wake();
    options.reportFailed(message, reason);
  };

  const onRejected = (message: HeldMessage, code: ErrorCode, reason: string): void => {
    metrics.add('rejected', 1, code);
    const work = giveUp(message, code, reason)
      .catch((error: unknown) => log.error('give_up_failed', { id: message.id, ...errorFields(error) }))
      .finally(() => givingUp.delete(work));
    givingUp.add(work);
  };

  const maxDeliverOf = (message: HeldMessage): number | undefined =>
    held.find(message.sequence, message.storedNs)?.source.consumer.maxDeliver;

  const callers = new Map<string, FunctionCaller>();
  for (const { function: functionName, limits } of triggers) {
    if (callers.has(functionName)) continue;
    callers.set(
      functionName,
      createFunctionCaller({
        ...options,
        functionName,
        endpoint: options.endpoints.of(functionName),
        limits,
        maxDeliver: maxDeliverOf,
        onAcked,
        onRejected,
        onChange: wake,
      }),
    );
  }

  const laneKey = (trigger: TriggerConfig, key: string): string => `${trigger.key}=${key}`;

  const take = (source: Source, raw: Msg): void => {
    const reply = raw.reply ?? '';
    const info = deliveryInfo(reply);
    source.takeover.seen(info.sequence);
    const isSettled = recent.repeat(storedKey(info.sequence, info.timestampNs), ({ how }) =>
      settle[how](connection, reply),
    );
    // A killed server forgot the answer, and maybe that it had delivered the message at all.
    if (isSettled) return metrics.add('redelivered_when_settled');
    const known = held.find(info.sequence, info.timestampNs);
    if (known !== undefined) {
      // Delivered again while we still work on it (we were frozen, or the server forgot): once is enough.
      known.message.reply = reply;
      known.message.deliveryCount = Math.max(known.message.deliveryCount, info.deliveryCount);
      metrics.add('redelivered_while_held');
      return;
    }
    const classified = classifyPayload(raw.data, triggers);
    const message = receiveMessage(raw, info, classified, clock.nowMs());
    held.add(message, source);
    source.heldMessages += 1;
    source.heldBytes += message.heldBytes;
    metrics.add('received', 1, route.name);
    if (classified.ok) {
      callers.get(classified.trigger.function)!.add(laneKey(classified.trigger, classified.key), message);
    } else onRejected(message, classified.code, classified.reason);
  };

  const capacityOf = ({ consumer, heldMessages, heldBytes }: Source): Capacity =>
    pullCapacity({
      maxMessages,
      maxBytes,
      shares: Math.max(1, sources.length),
      heldMessages,
      heldBytes,
      functions: [...callers.values()],
      maxPayloadBytes: connection.info?.max_payload ?? 1_048_576,
      requestLimits: consumer.requestLimits,
    });

  const ensure = async (): Promise<readonly BoundConsumer[]> => {
    const stream = await ensureStream(connection, { stream: route.name, baseSubject: route.subject });
    noticeStream(stream.created);
    return await ensureConsumers(connection, {
      stream,
      durable: options.durable,
      filterSubjects: options.filterSubjects,
      ackWaitMs: route.ackWaitSeconds * 1_000,
      maxAckPending: Math.max(1_000, maxMessages),
    });
  };

  const addSource = (consumer: BoundConsumer): Source => {
    const takeover = createTakeover({
      connection,
      consumer,
      clock,
      log,
      isHeld: held.hasSequence,
      onStream: ({ created }) => noticeStream(created),
      settleAgain: ({ sequence, storedNs }) =>
        recent.repeat(storedKey(sequence, storedNs), ({ how, reply }) => settle[how](connection, reply)),
      block: ({ payload, sequence }) => {
        const classified = classifyPayload(payload, triggers);
        if (!classified.ok) return;
        const caller = callers.get(classified.trigger.function)!;
        const key = laneKey(classified.trigger, classified.key);
        blocked.set(sequence, { caller, key });
        caller.block(key, sequence);
      },
      unblock: (sequence) => {
        const entry = blocked.get(sequence);
        blocked.delete(sequence);
        entry?.caller.unblock(entry.key, sequence);
      },
    });
    return { consumer, takeover, puller: undefined, heldMessages: 0, heldBytes: 0 };
  };

  const keepAlive = (): void => {
    const settledMs = clock.nowMs();
    for (const { message, source } of held.entries()) {
      // What has just come has its whole ack wait before it.
      if (settledMs - message.receivedMs >= source.consumer.ackWaitMs / 4) answer(message, settle.working);
    }
  };

  const startSources = async (): Promise<void> => {
    const consumers = await ensure();
    const fresh = consumers.map(addSource);
    try {
      for (const source of fresh) await source.takeover.begin();
    } catch (error) {
      // The next try looks again with new ones; nothing may stay held back by these.
      for (const { takeover } of fresh) takeover.abandon();
      throw error;
    }
    if (stopping) return;
    sources.push(...fresh);
    unwatch = watchDeletion(connection, route.name, () => {
      noticeDeletion();
      for (const { puller } of sources) puller?.restore();
    });
    const leastAckWaitMs = Math.min(...consumers.map(({ ackWaitMs }) => ackWaitMs));
    keepAliveTimer = setInterval(keepAlive, Math.max(50, Math.floor(leastAckWaitMs / 3)));
    for (const source of sources) {
      source.puller = pullMessages(connection, {
        stream: source.consumer.stream,
        durable: source.consumer.durable,
        capacity: () => (stopping ? { messages: 0, bytes: 0 } : capacityOf(source)),
        expiresMs: Math.min(pullExpiresMs, source.consumer.requestLimits.expiresMs ?? pullExpiresMs),
        onMessage: (message) => take(source, message),
        resume: () => source.takeover.begin(),
        restore: async () => {
          await ensure();
        },
        onTrouble: (detail, error) =>
          log.warn('pull_trouble', {
            consumer: source.consumer.durable,
            detail,
            ...(error === undefined ? {} : errorFields(error)),
          }),
      });
    }
    started = true;
  };

  const tryStart = async (): Promise<boolean> => {
    if (stopping) return true;
    try {
      await startSources();
      return true;
    } catch (error) {
      log.error('consumer_failed', { consumer: options.durable, ...errorFields(error) });
      return false;
    }
  };

  const handBack = async (): Promise<void> => {
    const span = options.telemetry.startSettle(
      'nak',
      [...held.entries()].map(({ message }) => message),
    );
    for (const { message } of held.entries()) {
      answer(message, (to, reply) => settle.nakLater(to, reply, handBackDelayMs));
    }
    if (held.size > 0) log.info('handed_back', { consumer: options.durable, messages: held.size });
    held.clear();
    if (!connection.isClosed()) await connection.flush().catch(() => undefined);
    span.end();
  };

  return {
    start: async () => {
      let delayMs = 250;
      while (!(await tryStart())) {
        await pause(clock, delayMs);
        delayMs = Math.min(delayMs * 2, 5_000);
      }
    },
    get isConsuming() {
      return started && !stopping && sources.every(({ puller }) => puller?.healthy === true);
    },
    get heldMessages() {
      return held.size;
    },
    lags: async () => {
      const lags = await Promise.allSettled(sources.map(({ consumer }) => readConsumerLag(connection, consumer)));
      return lags.flatMap((lag) => (lag.status === 'fulfilled' ? [lag.value] : []));
    },
    keepAlive,
    stop: async (graceMs) => {
      stopping = true;
      unwatch();
      for (const { puller, takeover } of sources) {
        puller?.stop();
        takeover.stop();
      }
      for (const caller of callers.values()) caller.stop();
      const settled = Promise.all([...[...callers.values()].map((caller) => caller.idle()), ...givingUp]);
      await within(clock, graceMs, settled);
      for (const caller of callers.values()) caller.abort();
      await Promise.all([...callers.values()].map((caller) => caller.idle()));
      clearInterval(keepAliveTimer);
      await handBack();
    },
  };
};
