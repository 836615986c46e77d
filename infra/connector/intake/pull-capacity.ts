import type { BoundConsumer } from '../../../shared/nats/ensure-consumer.ts';
import type { Capacity } from '../../../shared/nats/pull-messages.ts';

/** A message on the wire beside its payload: subject, reply and headers, against the server's byte bound of a pull. */
const wireOverheadBytes = 16 * 1_024;
/** Fetched while every function is away, so that a message that fails for ever is not the only one that tries them. */
const fewMessages = 32;

export interface CapacityOptions {
  /** Bounds of what may be held, of all that share them. */
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** How many durables share them. */
  readonly shares: number;
  /** What is held of this one. */
  readonly heldMessages: number;
  readonly heldBytes: number;
  readonly functions: readonly { readonly isOpen: boolean; readonly heldMessages: number }[];
  readonly maxPayloadBytes: number;
  readonly requestLimits: BoundConsumer['requestLimits'];
}

const none: Capacity = { messages: 0, bytes: 0 };

/**
 * Room for a pull: for a few messages while every function is away, for none while those that are hold half of all there
 * is room for (the others go on meanwhile); none either while so little is free that a pull is not worth its while.
 */
export const pullCapacity = (options: CapacityOptions): Capacity => {
  const { maxMessages, functions, heldMessages, requestLimits } = options;
  const away = functions.filter(({ isOpen }) => isOpen);
  if (away.reduce((sum, caller) => sum + caller.heldMessages, 0) > maxMessages / 2) return none;
  const share = Math.max(1, Math.floor(maxMessages / options.shares));
  const free = share - heldMessages;
  const messages = away.length === functions.length ? Math.min(free, fewMessages - heldMessages) : free;
  const largestBytes = options.maxPayloadBytes + wireOverheadBytes;
  const bytes = Math.max(largestBytes, Math.floor(options.maxBytes / options.shares)) - options.heldBytes;
  if (messages < 1 || bytes < largestBytes) return none;
  if (away.length < functions.length && heldMessages > 0 && messages < share / 4) return none;
  return {
    messages: Math.min(messages, requestLimits.messages ?? messages),
    bytes: Math.min(bytes, requestLimits.bytes ?? bytes),
  };
};
