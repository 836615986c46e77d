import type { HeldMessage } from './held-message.ts';

/** Identity of a stored message: a stream that is made anew counts from 1 again, so the sequence alone is not enough. */
export const storedKey = (sequence: number, storedNs: string): string => `${sequence}@${storedNs}`;

interface Entry<S> {
  readonly message: HeldMessage;
  readonly source: S;
}

/** What was delivered to us and is not settled, with where it came from. */
export interface HeldMessages<S> {
  readonly size: number;
  add(message: HeldMessage, source: S): void;
  find(sequence: number, storedNs: string): Entry<S> | undefined;
  hasSequence(sequence: number): boolean;
  /** Lets it go; what it was, or undefined where it was not held. */
  release(message: HeldMessage): Entry<S> | undefined;
  entries(): Iterable<Entry<S>>;
  clear(): void;
}

export const createHeldMessages = <S>(): HeldMessages<S> => {
  const held = new Map<string, Entry<S>>();
  const sequences = new Set<number>();
  return {
    get size() {
      return held.size;
    },
    add: (message, source) => {
      held.set(storedKey(message.sequence, message.storedNs), { message, source });
      sequences.add(message.sequence);
    },
    find: (sequence, storedNs) => held.get(storedKey(sequence, storedNs)),
    hasSequence: (sequence) => sequences.has(sequence),
    release: (message) => {
      const key = storedKey(message.sequence, message.storedNs);
      const entry = held.get(key);
      held.delete(key);
      sequences.delete(message.sequence);
      return entry;
    },
    entries: () => held.values(),
    clear: () => {
      held.clear();
      sequences.clear();
    },
  };
};
