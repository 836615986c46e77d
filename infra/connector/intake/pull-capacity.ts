import type { BoundConsumer } from '../../../shared/nats/ensure-consumer.ts';
import type { Capacity } from '../../../shared/nats/pull-messages.ts';

/** A message on the wire beside its payload: subject, reply and headers, against the server's byte bound of a pull. */
const wireOverheadBytes = 16 * 1_024;
/**
 * Held while every function is away. With a single one, a message that fails for ever would keep its function looking as if it
 * were away, and nothing else would ever be fetched to show that it is not.
 */
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
 * What the next pull may ask for (C12); nothing if
 * - the functions that are away hold more than half of all that may be held: the rest is for those that are there;
 * - every function is away and a few messages are held: more could not be sent;
 * - less than a quarter is free: a pull for so little is not worth a request;
 * - the largest message that the server allows would not fit.
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
