import type { ErrorCode } from '../../../shared/errors/error-code.ts';
import type { Outcome } from '../../../shared/message/outcome.ts';
import type { TriggerLimits } from '../../../shared/routing/routing.ts';
import type { ReceivedMessage } from '../intake/received-message.ts';

/** Why a request has no answer, by what has to be done about it. */
export type BatchFailure =
  /** Nobody took the request: the same again later. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly retryAfterMs: number; readonly status?: number }
  /** The function has too much to do: the same again later, and fewer at a time. */
  | { readonly kind: 'overloaded'; readonly reason: string; readonly retryAfterMs: number; readonly status: number }
  /** A gateway failed at the request or lost the function: it is away, or this request killed it. */
  | { readonly kind: 'gateway_error'; readonly reason: string; readonly status: number }
  /** The connection broke (no status), or the function said 500, with the request in its hands. */
  | { readonly kind: 'died'; readonly reason: string; readonly status?: number }
  | { readonly kind: 'timeout'; readonly reason: string }
  | { readonly kind: 'nonsense'; readonly reason: string; readonly status: number }
  | { readonly kind: 'too_large'; readonly reason: string; readonly status: number }
  /** Wrong address or token: nothing that a message is to blame for. */
  | { readonly kind: 'misconfigured'; readonly reason: string; readonly status: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly status: number };

/** What happens to dispatch. Times are not in the events: `step` is told the time. */
export type DispatchEvent =
  | {
      readonly type: 'message_received';
      readonly key: string;
      readonly message: ReceivedMessage;
      readonly maxDeliver: number | undefined;
    }
  /** A message that it still has was delivered again. */
  | {
      readonly type: 'message_redelivered';
      readonly key: string;
      readonly message: ReceivedMessage;
      readonly deliveryCount: number;
    }
  /** The stream of all messages that it has is gone. */
  | { readonly type: 'messages_orphaned' }
  /** An earlier message of the key is in other hands: what comes after it in the stream has to wait. */
  | { readonly type: 'key_blocked'; readonly key: string; readonly sequence: number }
  | { readonly type: 'key_unblocked'; readonly key: string; readonly sequence: number }
  /** An operator paused something, or let it go on: this is all of the function that is paused now (C15). */
  | { readonly type: 'pauses_changed'; readonly isFunctionPaused: boolean; readonly keys: ReadonlySet<string> }
  | {
      readonly type: 'batch_answered';
      readonly requestId: number;
      readonly status: number;
      readonly outcomes: ReadonlyMap<string, Outcome>;
    }
  | { readonly type: 'batch_failed'; readonly requestId: number; readonly failure: BatchFailure }
  | { readonly type: 'health_answered'; readonly requestId: number; readonly isAlive: boolean }
  /** The time that `set_timer` named has come. */
  | { readonly type: 'timer' }
  /** What had arrived when `look_soon` was said has been read. */
  | { readonly type: 'looked' }
  /** Start no further requests until `resume`: somebody else may have what it holds. */
  | { readonly type: 'suspend' }
  | { readonly type: 'resume' }
  /** Start no further requests. */
  | { readonly type: 'drain' }
  /** Break off the requests that are in flight. */
  | { readonly type: 'abort' };

export interface PostedMessage {
  readonly message: ReceivedMessage;
  /** Number of this try: deliveries and our own retries counted together. */
  readonly attempt: number;
}

/** What dispatch wants to be done. The first four are answered by an event each. */
export type DispatchCommand =
  | { readonly type: 'post_batch'; readonly requestId: number; readonly messages: readonly PostedMessage[] }
  | { readonly type: 'check_health'; readonly requestId: number }
  /** Say `timer` at that time; it takes the place of any earlier `set_timer`. */
  | { readonly type: 'set_timer'; readonly atMs: number }
  /** Say `looked` once everything that has arrived by now has been read: messages that come together are taken together. */
  | { readonly type: 'look_soon' }
  | { readonly type: 'abort_requests' }
  | { readonly type: 'ack'; readonly messages: readonly ReceivedMessage[] }
  /** Store a dead letter and end the message. */
  | {
      readonly type: 'reject';
      readonly message: ReceivedMessage;
      readonly code: ErrorCode;
      readonly reason: string;
      readonly attempts: number;
    }
  /** Something worth a counter or a line in the log. */
  | { readonly type: 'note'; readonly fact: DispatchFact };

export type DispatchFact =
  /** So many messages of one request come back with that code; the first of them by its id. */
  | { readonly kind: 'retried'; readonly code: ErrorCode; readonly messages: number; readonly id: string }
  | { readonly kind: 'batch_too_large'; readonly reason: string; readonly nextMaxBytes: number }
  | { readonly kind: 'misconfigured'; readonly reason: string }
  /** The breaker opened or closed. */
  | { readonly kind: 'availability_changed'; readonly isOpen: boolean };

export interface DispatchConfig {
  readonly limits: TriggerLimits;
  /** Jitter comes from this number alone, so that a run can be repeated. */
  readonly seed: number;
}

/** What can be seen of dispatch from outside. */
export interface DispatchView {
  /** Whether the function is away, overloaded or paused: little more should be fetched for it. */
  readonly isOpen: boolean;
  readonly requestsInFlight: number;
  /** Messages that are not settled, in requests or waiting for one. */
  readonly heldMessages: number;
  readonly lanes: number;
  readonly mode: DispatchMode;
}

export type DispatchMode = 'running' | 'suspended' | 'draining' | 'stopped';
