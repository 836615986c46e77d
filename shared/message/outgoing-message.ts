/** A message to publish through JetStream. */
export interface OutgoingMessage {
  /** Name of the stream that must hold the subject; it is created at the first publish if it is missing. */
  readonly stream: string;
  readonly baseSubject: string;
  /** What the stream is made with if it is missing; `workqueue` if absent. */
  readonly retention?: 'workqueue' | 'limits';
  readonly subject: string;
  readonly payload: Uint8Array;
  /** `Nats-Msg-Id`: derived from the delivery, so that a repeat is dropped by the server. */
  readonly id: string;
  /** Further headers (trace context in lower-case names); a list is written as one header for each value. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** What the server said of one publish. */
export type PublishOutcome =
  | { readonly ok: true; readonly duplicate: boolean; readonly sequence: number }
  | { readonly ok: false; readonly error: Error; readonly said?: Denial };

/**
 * What the server said that did not confirm a message; nothing if it said nothing.
 * - `refused`: it is not stored.
 * - `id_taken`: an earlier message of this id is neither stored nor given up yet. A cluster notes an id before its message is stored
 *   (read in the sources of nats-server 2.10 to 2.15). So it may say this of one that it has refused, until its duplicate window is over.
 */
export type Denial = 'refused' | 'id_taken';

/** Publishes pipelined and counts the PubAcks; one outcome per message, in the order given. Never throws. */
export interface Publisher {
  publish(messages: readonly OutgoingMessage[]): Promise<readonly PublishOutcome[]>;
  /** The server's payload limit in bytes, headers included. */
  maxPayloadBytes(): Promise<number>;
  close(): Promise<void>;
}
