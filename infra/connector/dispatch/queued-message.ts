import type { ErrorCode } from '../../../shared/errors/error-code.ts';
import type { ReceivedMessage } from '../intake/received-message.ts';

/** What became of a message's tries so far. Replaced when it changes, never written to. */
export interface Tries {
  /** Tries that ended in a failure of this very message. */
  readonly attempts: number;
  /** How often in a row it was alone in a request that failed as a whole, while the function was known to work. */
  readonly kills: number;
  /** What it is given up for, by those failures: a death counts more than an answer that did not come in time. */
  readonly killCode: ErrorCode | undefined;
  /** How often in a row it died alone and that proved nothing, as the function was not known to work. */
  readonly unprovenDeaths: number;
  /** Acknowledging answers of the function when this message first failed: any later one proves that not everybody fails. */
  readonly answersAtFirstFailure: number | undefined;
  /** The same when it last came back as `retry`: what was acknowledged before an outage proves nothing in it. */
  readonly answersAtLastRetry: number | undefined;
}

export const untried: Tries = {
  attempts: 0,
  kills: 0,
  killCode: undefined,
  unprovenDeaths: 0,
  answersAtFirstFailure: undefined,
  answersAtLastRetry: undefined,
};

/** A message in its lane, with the record that dispatch alone writes. */
export interface QueuedMessage {
  readonly message: ReceivedMessage;
  /** Tells it from every other message that this dispatch has had. */
  readonly serial: number;
  /** Deliveries as the server counts them; a redelivery while it is held raises it. */
  deliveryCount: number;
  /** Deliveries after which the server gives up without a word; undefined if it never does. */
  maxDeliver: number | undefined;
  tries: Tries;
  /** Whether it leaves its lane when its request ends: it was acknowledged or rejected. */
  isSettled: boolean;
}
