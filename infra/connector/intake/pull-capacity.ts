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
  /** Messages of this one that are in other hands, and how many of them need room that nothing else may take. */
  readonly awaitedMessages: number;
  readonly reservedMessages: number;
  /** Those of them that were just handed back: they come before anything new. */
  readonly firstMessages: number;
  /** How many more may be held than there is room for, while not all of those have come. */
  readonly beyondMessages: number;
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
 *
 * What keys wait for is fetched in any case once it can come. Whatever waits for it must not take the room that it needs, or
 * both would wait for ever (C3). What was just handed back is asked for and nothing else: should something else come in its place,
 * there is still room. If what came earlier has taken all of it, they are asked for one at a time beyond it: the server delivers them
 * in the order in which they were handed back, and the first of a key may be the last.
 */
export const pullCapacity = (options: CapacityOptions): Capacity => {
  const { maxMessages, heldMessages, awaitedMessages, reservedMessages, requestLimits } = options;
  const share = Math.max(1, Math.floor(maxMessages / options.shares));
  const free = share - heldMessages - reservedMessages;
  const largestBytes = options.maxPayloadBytes + wireOverheadBytes;
  const freeBytes = Math.max(largestBytes, Math.floor(options.maxBytes / options.shares)) - options.heldBytes;
  const mayGoBeyond = heldMessages < share + options.beyondMessages && options.beyondMessages > 0;
  // In bytes only while nothing else can come in their place.
  const isFull = share <= heldMessages || (freeBytes < largestBytes && options.firstMessages > 0);
  if (isFull && mayGoBeyond) return { messages: 1, bytes: largestBytes };
  const awaited = reservedMessages > 0 ? 0 : Math.min(awaitedMessages, free);
  const first = Math.min(options.firstMessages, share - heldMessages);
  const messages = first > 0 ? first : Math.max(awaited, worthwhile(options, free, share));
  const bytes = freeBytes;
  if (messages < 1 || bytes < largestBytes) return none;
  return {
    messages: Math.min(messages, requestLimits.messages ?? messages),
    bytes: Math.min(bytes, requestLimits.bytes ?? bytes),
  };
};

/** New messages that it is of use to fetch: of those that are free, none or all or a few. */
const worthwhile = ({ functions, maxMessages, heldMessages }: CapacityOptions, free: number, share: number): number => {
  const away = functions.filter(({ isOpen }) => isOpen);
  const heldByAway = away.reduce((sum, caller) => sum + caller.heldMessages, 0);
  if (heldByAway > maxMessages / 2) return 0;
  if (away.length === functions.length) return Math.min(free, fewMessages - heldMessages);
  return heldMessages > 0 && free < share / 4 ? 0 : free;
};
