import type { HeaderEntry } from '../../../shared/message/dead-letter.ts';

/** A message as it was delivered to us. What happens to it afterwards is written elsewhere. */
export interface ReceivedMessage {
  /** Delivery identity. */
  readonly id: string;
  readonly stream: string;
  readonly subject: string;
  readonly sequence: number;
  /** When the stream stored this very message; with the sequence it tells it from all others of the stream. */
  readonly storedNs: string;
  /** When the delivery that it stands for entered its stream: of a replayed dead letter, the first time. */
  readonly timestampNs: string;
  /** `Nats-Msg-Id` of its dead letter, should it come to that. */
  readonly deadLetterId: string;
  /** The producer's `Nats-Msg-Id`. */
  readonly messageId: string | undefined;
  readonly traceContext: Readonly<Record<string, string>>;
  readonly headers: readonly HeaderEntry[];
  readonly payload: Uint8Array;
  /** Whether the payload is strict JSON that may be spliced into a batch. */
  readonly isJson: boolean;
  readonly messageType: string | undefined;
  readonly routeId: string | null;
  /** Size in a request body. */
  readonly bodyBytes: number;
  /** Size against the bound of what is held. */
  readonly heldBytes: number;
  /** On the connector's clock. */
  readonly receivedMs: number;
  /** Reply subject of the delivery that brought it; it names the consumer. */
  readonly reply: string;
  /** The server's count at that delivery. */
  readonly deliveryCount: number;
}
