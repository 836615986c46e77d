import type { RecentAnswers, Answer } from '../settle/recent-answers.ts';
import type { ReceivedMessage } from './received-message.ts';

/** A message that was delivered to us and is not settled. Replaced when it is delivered again, never written to. */
export interface Held<S> {
  readonly message: ReceivedMessage;
  /** The durable that it came from. */
  readonly source: S;
  /** Where it waits to be sent; undefined for what no function gets. */
  readonly lane: { readonly functionName: string; readonly key: string } | undefined;
  /** Where its answer goes: to the latest delivery. */
  readonly reply: string;
  readonly deliveryCount: number;
}

export interface HeldAmount {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * What was delivered to us and is not settled. Only what is in here is ever answered (C9): a message that is taken out because
 * its stream was deleted is worked on to its end, and its answer goes nowhere.
 */
export interface HeldMessages<S> {
  readonly size: number;
  add(held: Held<S>): void;
  find(storedKey: string): Held<S> | undefined;
  hasSequence(sequence: number): boolean;
  /** The highest one; 0 if nothing is held. */
  lastSequence(): number;
  /** Notes that it was delivered again; returns what is held now. */
  redelivered(held: Held<S>, delivery: { readonly reply: string; readonly deliveryCount: number }): Held<S>;
  /** Lets it go; what it was, or undefined if it was not held. */
  release(storedKey: string): Held<S> | undefined;
  entries(): Iterable<Held<S>>;
  /** How much of one source is held. */
  amountOf(source: S): HeldAmount;
  clear(): void;
}

const none: HeldAmount = { messages: 0, bytes: 0 };

export const createHeldMessages = <S>(): HeldMessages<S> => {
  const held = new Map<string, Held<S>>();
  const sequences = new Set<number>();
  const amounts: Amounts<S> = new Map();
  return {
    get size() {
      return held.size;
    },
    add: (entry) => {
      held.set(entry.message.storedKey, entry);
      sequences.add(entry.message.sequence);
      count(amounts, entry, 1);
    },
    find: (storedKey) => held.get(storedKey),
    hasSequence: (sequence) => sequences.has(sequence),
    lastSequence: () => {
      let last = 0;
      for (const sequence of sequences) if (sequence > last) last = sequence;
      return last;
    },
    redelivered: (entry, { reply, deliveryCount }) => {
      const again = { ...entry, reply, deliveryCount: Math.max(entry.deliveryCount, deliveryCount) };
      held.set(entry.message.storedKey, again);
      return again;
    },
    release: (storedKey) => {
      const entry = held.get(storedKey);
      if (entry === undefined) return undefined;
      held.delete(storedKey);
      sequences.delete(entry.message.sequence);
      count(amounts, entry, -1);
      return entry;
    },
    entries: () => held.values(),
    amountOf: (source) => amounts.get(source) ?? none,
    clear: () => {
      held.clear();
      sequences.clear();
      amounts.clear();
    },
  };
};

/** What a delivery is to us. */
export type Met<S> =
  /** We settled it a moment ago and the server has not heard, or has forgotten: the same answer again. */
  | { readonly kind: 'settled'; readonly answer: Answer }
  /** We still work on it: we were frozen, or the server forgot. Once is enough. */
  | { readonly kind: 'held'; readonly held: Held<S> }
  | { readonly kind: 'new' };

export const meetDelivery = <S>(
  storedKey: string,
  held: Pick<HeldMessages<S>, 'find'>,
  recent: Pick<RecentAnswers, 'find'>,
): Met<S> => {
  const answer = recent.find(storedKey);
  if (answer !== undefined) return { kind: 'settled', answer };
  const known = held.find(storedKey);
  return known === undefined ? { kind: 'new' } : { kind: 'held', held: known };
};

type Amounts<S> = Map<S, { messages: number; bytes: number }>;

const count = <S>(amounts: Amounts<S>, { source, message }: Held<S>, sign: 1 | -1): void => {
  let amount = amounts.get(source);
  if (amount === undefined) amounts.set(source, (amount = { messages: 0, bytes: 0 }));
  amount.messages += sign;
  amount.bytes += sign * message.heldBytes;
};
