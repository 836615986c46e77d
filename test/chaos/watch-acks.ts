import type { NatsConnection } from '../../shared/nats/connect.ts';
import { deliveryInfo } from '../../shared/nats/jetstream-message.ts';

/** What a connector said of a message of the sync stream, as a third party on the wire saw it. */
export interface SeenAnswer {
  /** `gone`: an ack of somebody who has not received the message, because its stream holds it no longer. */
  readonly kind: 'ack' | 'term' | 'gone';
  readonly sequence: number;
  readonly seenMs: number;
}

export interface AckWatch {
  readonly answers: readonly SeenAnswer[];
  /** Deliveries handed back. */
  readonly naks: number;
  /** Those of them without a delay: the server sends such a one again at once, for ever. */
  readonly bareNaks: number;
  /** The highest delivery count that an answer spoke of. */
  readonly mostDeliveries: number;
  stop(): void;
}

const decoder = new TextDecoder();
const hasDelay = /^-NAK \{"delay": ?[1-9]/;

/** Listens to the answers that connectors publish. While the server is away nothing is seen: what is seen is true. */
export const watchAcks = (connection: NatsConnection): AckWatch => {
  const answers: SeenAnswer[] = [];
  let naks = 0;
  let bareNaks = 0;
  let mostDeliveries = 0;
  const subscription = connection.subscribe('$JS.ACK.>', {
    callback: (error, message) => {
      if (error !== null) return;
      const { stream, sequence, deliveryCount, timestampNs } = deliveryInfo(message.subject);
      if (stream !== 'processor_state_sync') return;
      const text = decoder.decode(message.data);
      mostDeliveries = Math.max(mostDeliveries, deliveryCount);
      if (text === '+ACK' || text === '')
        answers.push({ kind: timestampNs === '0' ? 'gone' : 'ack', sequence, seenMs: Date.now() });
      else if (text.startsWith('+TERM')) answers.push({ kind: 'term', sequence, seenMs: Date.now() });
      else if (text.startsWith('-NAK')) {
        naks += 1;
        // Who takes over hands back at once, by its sequence, what another connector was given: once, as it reads alone.
        if (!hasDelay.test(text) && timestampNs !== '0') bareNaks += 1;
      }
    },
  });
  return {
    answers,
    get naks() {
      return naks;
    },
    get bareNaks() {
      return bareNaks;
    },
    get mostDeliveries() {
      return mostDeliveries;
    },
    stop: () => subscription.unsubscribe(),
  };
};
