import type { ErrorCode } from '../../shared/errors/error-code.ts';
import type { HeaderEntry } from '../../shared/message/dead-letter.ts';

/** A message that was delivered to us and is not settled yet. Changed only by the lane and the caller that hold it. */
export interface HeldMessage {
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
  readonly receivedMs: number;
  /** Where acks go; a redelivery of a message that is still held brings a new one. */
  reply: string;
  deliveryCount: number;
  /** Tries that ended in a failure of this very message. */
  attempts: number;
  /** How often it alone was in a request that took the function down, ran out of time or had no sensible answer. */
  kills: number;
  /**
   * How many answers had acknowledged something when this message first failed, and when it last came back to be tried again:
   * later ones prove the function healthy, of the second kind also at that time.
   */
  answersAtFirstFailure: number | undefined;
  answersAtLastRetry: number | undefined;
  lastFailure: { readonly code: ErrorCode; readonly reason: string } | undefined;
  done: boolean;
  /** Its stream was deleted and made anew: its place may be another message's now, so nothing is answered any more. */
  orphaned: boolean;
}

/** The number of the next try, for the function's traces: deliveries and our own retries counted together. */
export const attemptOf = (message: HeldMessage): number => message.deliveryCount + message.attempts;
