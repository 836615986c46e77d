import type { Denial } from '../../../shared/message/outgoing-message.ts';

/** Which id a dead letter is stored under, and what servers have said of it. */
export interface LetterId {
  /** Ids that are of no use any more. */
  readonly spent: number;
  /** Since when, by the monotonic clock, the server takes the id for that of a message which is not stored; undefined if it does not. */
  readonly takenSinceMs: number | undefined;
}

export const firstLetterId: LetterId = { spent: 0, takenSinceMs: undefined };

/** A message that is still about to be stored is stored within seconds, by the next leader too. */
const longestStoringMs = 60_000;

/**
 * The id of the next try after one that was not confirmed. A server that says nothing may have stored the letter: the id stays, so
 * that it is not stored twice. One that refused it may remember the id all the same, and never store a repeat (`Denial`): it gets
 * another id. So does one whose id is taken for a minute: rather two letters than one that waits until the id is forgotten.
 */
export const nextLetterId = (id: LetterId, said: Denial | undefined, nowMs: number): LetterId => {
  const next = { spent: id.spent + 1, takenSinceMs: undefined };
  if (said === 'refused') return next;
  if (said === undefined) return id;
  const takenSinceMs = id.takenSinceMs ?? nowMs;
  return nowMs - takenSinceMs < longestStoringMs ? { ...id, takenSinceMs } : next;
};

/** `Nats-Msg-Id` of the letter: `own` at first, then with the number of its try. */
export const letterIdText = (own: string, { spent }: LetterId): string =>
  spent === 0 ? own : `${own}/${String(spent + 1)}`;
