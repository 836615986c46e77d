import { reasonOf } from '../../shared/message/to-outcome.ts';
import { buildDeadLetterHeaders } from '../../shared/message/dead-letter.ts';
import type { NatsConnection } from '../../shared/nats/connect.ts';
import { fitDeadLetter } from '../../shared/nats/dead-letter-body.ts';
import { ensureStream } from '../../shared/nats/ensure-stream.ts';
import type { Publisher } from '../../shared/message/outgoing-message.ts';
import type { DeadLetterConfig } from '../../shared/routing/routing.ts';
import type { Log } from '../../shared/telemetry/log.ts';
import { backoffMs } from './backoff.ts';
import { pause, type Clock } from './clock.ts';
import type { HeldMessage } from './held-message.ts';
import type { ConnectorMetrics } from './metrics.ts';
import type { ConnectorTelemetry } from './telemetry.ts';

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

export interface DeadLetters {
  /** Makes the stream: file storage, kept until purged. */
  ensure(): Promise<void>;
  /** Stores the message and resolves true when the server has confirmed it; false only where the connector stops first. */
  store(message: HeldMessage, code: string, reason: string): Promise<boolean>;
}

const backoff = { initialMs: 500, maxMs: 30_000 };

/**
 * Stores what can never succeed before it leaves its own stream. A dead letter that cannot be stored (stream full, server
 * away) is tried until it can: its message stays where it is and is kept alive meanwhile.
 */
export const createDeadLetters = (options: DeadLetterOptions): DeadLetters => {
  const { config, clock, log, metrics } = options;
  const wanted = { stream: config.stream, baseSubject: config.subject, retention: 'limits' } as const;

  const publish = async (message: HeldMessage, code: string, reason: string): Promise<Error | undefined> => {
    const span = options.telemetry.startDeadLetter(message, { code, reason, subject: config.subject });
    const entries = buildDeadLetterHeaders(message.headers, {
      code,
      reason,
      time: new Date(clock.epochMs()).toISOString(),
      identity: message.id,
      stream: message.stream,
      subject: message.subject,
      sequence: message.sequence,
      timestampNs: message.timestampNs,
      deliveryCount: message.deliveryCount,
      attempts: message.attempts,
      messageId: message.messageId,
    });
    const letter = fitDeadLetter(
      { headers: entries, payload: message.payload },
      await options.publisher.maxPayloadBytes(),
    );
    const isReplaced = (name: string): boolean => Object.hasOwn(span.headers, name.toLowerCase());
    const [outcome] = await options.publisher.publish([
      {
        ...wanted,
        subject: config.subject,
        payload: letter.payload,
        id: message.deadLetterId,
        headers: Object.fromEntries([
          ...letter.headers.filter(([name]) => !isReplaced(name)),
          ...Object.entries(span.headers),
        ]),
      },
    ]);
    const error = outcome?.ok === true ? undefined : (outcome?.error ?? new Error('no outcome'));
    span.end(error);
    return error;
  };

  const ensure = async (): Promise<void> => {
    await ensureStream(options.connection, wanted);
  };

  return {
    ensure,
    store: async (message, code, reason) => {
      for (let failures = 1; !options.isStopping(); failures += 1) {
        const error = await publish(message, code, reason).catch(
          (cause: unknown) => new Error(reasonOf(cause), { cause }),
        );
        if (error === undefined) {
          metrics.add('dead_letters', 1, code);
          log.warn('dead_letter', { code, reason, id: message.id, stream: message.stream, sequence: message.sequence });
          return true;
        }
        metrics.add('dead_letter_failures');
        log.error('dead_letter_failed', { code, id: message.id, reason: reasonOf(error) });
        await pause(clock, backoffMs(backoff, failures, options.random));
        // The publisher would make a missing stream for work, which forgets what is read.
        await ensure().catch((cause: unknown) => log.error('dead_letter_failed', { reason: reasonOf(cause) }));
      }
      return false;
    },
  };
};
