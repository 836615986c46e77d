import { reasonOf } from '../../../shared/message/to-outcome.ts';
import { buildDeadLetterHeaders } from '../../../shared/message/dead-letter.ts';
import type { NatsConnection } from '../../../shared/nats/connect.ts';
import { fitDeadLetter } from '../../../shared/nats/dead-letter-body.ts';
import { pairEntries } from '../../../shared/nats/header-pairs.ts';
import { ensureStream } from '../../../shared/nats/ensure-stream.ts';
import type { Publisher, PublishOutcome } from '../../../shared/message/outgoing-message.ts';
import type { DeadLetterConfig } from '../../../shared/routing/routing.ts';
import type { Log } from '../../../shared/telemetry/log.ts';
import { backoffMs } from '../backoff.ts';
import { pause, type Clock } from '../clock.ts';
import { deadLetterIdOf, type ReceivedMessage } from '../intake/received-message.ts';
import { mayBegin, type Tenure } from '../lease/tenure.ts';
import type { ConnectorTelemetry } from '../telemetry/connector-telemetry.ts';
import type { ConnectorMetrics } from '../telemetry/metrics.ts';
import { firstLetterId, letterIdText, nextLetterId, type LetterId } from './letter-id.ts';

export interface DeadLetterOptions {
  readonly connection: NatsConnection;
  readonly publisher: Publisher;
  readonly config: DeadLetterConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: ConnectorMetrics;
  readonly telemetry: ConnectorTelemetry;
  /** Whether to try no more: what is not stored by then stays in its stream. */
  readonly isStopping: () => boolean;
}

/** Why a message is given up, and what is known of its tries. */
export interface GivenUp {
  readonly code: string;
  readonly reason: string;
  /** Tries that ended in a failure of this very message. */
  readonly attempts: number;
  /** The server's count. */
  readonly deliveryCount: number;
}

export interface DeadLetters {
  /** Makes the stream: file storage, kept until purged. */
  ensure(): Promise<void>;
  /**
   * Stores the message and resolves true when the server has confirmed it; false only if the connector stops first, or reads no
   * more: whoever reads then decides for itself (L3).
   */
  store(message: ReceivedMessage, givenUp: GivenUp, tenure: Tenure): Promise<boolean>;
}

/** Until we look again whether a lease that is over is ours once more. */
const leaseLookMs = 250;
const backoff = { initialMs: 500, maxMs: 30_000 };

/**
 * Stores what can never succeed before it leaves its own stream (C5). A dead letter that cannot be stored (stream full, server
 * away) is tried until it can: its message stays where it is and is kept alive meanwhile.
 */
export const createDeadLetters = (options: DeadLetterOptions): DeadLetters => ({
  ensure: () => ensure(options),
  store: async (message, givenUp, tenure) => {
    const { clock, log, metrics } = options;
    const { code, reason } = givenUp;
    let id = firstLetterId;
    for (let failures = 1; !options.isStopping() && !tenure.isOver(); failures += 1) {
      if (!mayBegin(tenure)) {
        await pause(clock, leaseLookMs);
        continue;
      }
      const outcome = await publish(options, { message, givenUp, id }).catch(failedWith);
      if (outcome.ok) {
        metrics.add('dead_letters', 1, code);
        log.warn('dead_letter', { code, reason, id: message.id, stream: message.stream, sequence: message.sequence });
        return true;
      }
      metrics.add('dead_letter_failures');
      log.error('dead_letter_failed', { code, id: message.id, reason: reasonOf(outcome.error) });
      id = nextLetterId(id, outcome.said, clock.nowMs());
      await pause(clock, backoffMs(backoff, failures, options.random()));
      // The publisher would make a missing stream a work queue, which forgets what is read.
      await ensure(options).catch((cause: unknown) => log.error('dead_letter_failed', { reason: reasonOf(cause) }));
    }
    return false;
  },
});

const ensure = async ({ connection, config }: DeadLetterOptions): Promise<void> => {
  await ensureStream(connection, wanted(config));
};

const wanted = ({ stream, subject }: DeadLetterConfig) =>
  ({ stream, baseSubject: subject, retention: 'limits' }) as const;

const failedWith = (cause: unknown): PublishOutcome => ({ ok: false, error: new Error(reasonOf(cause), { cause }) });

/** One message that is given up, and the id that its letter gets. */
interface Letter {
  readonly message: ReceivedMessage;
  readonly givenUp: GivenUp;
  readonly id: LetterId;
}

const publish = async (
  { config, clock, publisher, telemetry }: DeadLetterOptions,
  { message, givenUp, id }: Letter,
): Promise<PublishOutcome> => {
  const { code, reason, attempts, deliveryCount } = givenUp;
  const span = telemetry.startDeadLetter(message, { code, reason, attempts, subject: config.subject });
  const headers = buildDeadLetterHeaders(pairEntries(message.headers), {
    code,
    reason,
    time: new Date(clock.epochMs()).toISOString(),
    identity: message.id,
    stream: message.stream,
    subject: message.subject,
    sequence: message.sequence,
    timestampNs: message.timestampNs,
    deliveryCount,
    attempts,
    messageId: message.messageId,
  });
  const letter = fitDeadLetter({ headers, payload: message.payload }, await publisher.maxPayloadBytes());
  const isReplaced = (name: string): boolean => Object.hasOwn(span.headers, name.toLowerCase());
  const [outcome = failedWith(new Error('no outcome'))] = await publisher.publish([
    {
      ...wanted(config),
      subject: config.subject,
      payload: letter.payload,
      id: letterIdText(deadLetterIdOf(message), id),
      headers: Object.fromEntries([
        ...letter.headers.filter(([name]) => !isReplaced(name)),
        ...Object.entries(span.headers),
      ]),
    },
  ]);
  span.end(outcome.ok ? undefined : outcome.error);
  return outcome;
};
