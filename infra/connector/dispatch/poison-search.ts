import type { QueuedMessage } from './queued-message.ts';
import type { LanePart } from './lane.ts';

/**
 * The search for a message that takes the function down: a poison message. A request that fails as a whole accuses all of
 * its messages alike. So its lanes are sent apart, then each lane is halved, until one message is alone in its request. It is
 * given up (`function_killed`) after it has failed so several times in a row.
 *
 * A process that dies takes down all of its requests, and each of them looks as if it were the cause. So a message whose
 * request died beside others is not blamed: it is isolated, and while any message is, requests go one at a time.
 */
export interface PoisonSearch {
  /** Messages that died beside other requests. */
  readonly isolated: Set<QueuedMessage>;
  /** The latest requests, oldest first: answered, or failed as a whole with these messages (by serial). */
  readonly latest: (ReadonlySet<number> | 'answered')[];
  /** Requests that were ever started. */
  started: number;
  /** Messages given up since the last answer on the word of the health check alone. */
  unprovenKills: number;
}

/** Whether a request was in flight with others is told by these two numbers, taken at its start. */
export interface RequestStart {
  readonly number: number;
  /** Requests in flight then, itself counted. */
  readonly inFlight: number;
}

export const createPoisonSearch = (): PoisonSearch => ({
  isolated: new Set(),
  latest: [],
  started: 0,
  unprovenKills: 0,
});

/** Requests that may be in flight: one at a time while a message is isolated. */
export const searchSlots = ({ isolated }: PoisonSearch, most: number): number =>
  isolated.size > 0 ? Math.min(1, most) : most;

export const noteStart = (search: PoisonSearch, inFlight: number): RequestStart => {
  search.started += 1;
  return { number: search.started, inFlight };
};

/** Whether no other request was in flight at any moment of this one: what happened is then its own doing. */
export const isSolitary = (search: PoisonSearch, start: RequestStart): boolean =>
  start.inFlight === 1 && start.number === search.started;

export const endIsolation = ({ isolated }: PoisonSearch, messages: Iterable<QueuedMessage>): void => {
  if (isolated.size > 0) for (const queued of messages) isolated.delete(queued);
};

export const noteAnswered = (search: PoisonSearch): void => remember(search, 'answered');

/** Only numbers are kept: a message must not stay in memory for this. */
export const noteFailed = (search: PoisonSearch, messages: readonly QueuedMessage[]): void =>
  remember(search, new Set(messages.map(({ serial }) => serial)));

/** Chance at which an innocent message may fail so often in a row. */
const maxChance = 1e-6;
/** However many requests fail: what kills must not stay for ever. */
const mostKills = 20;

/**
 * How many failures in a row blame a message: at least `least`, and more if requests without it fail too, so that one process
 * among several that is broken, or a gateway that drops every other request, does not use up good messages (C7).
 */
export const killsNeeded = ({ latest }: PoisonSearch, { serial }: QueuedMessage, least: number): number => {
  const others = latest.filter((request) => request === 'answered' || !request.has(serial));
  const failures = others.filter((request) => request !== 'answered').length;
  if (failures === 0) return least;
  const rate = failures / others.length;
  const needed = rate === 1 ? mostKills : Math.ceil(Math.log(maxChance) / Math.log(rate));
  return Math.max(least, Math.min(mostKills, needed));
};

/** After a request that failed as a whole: its lanes are sent apart, a lane that was alone is halved. */
export const divide = (parts: readonly LanePart[]): void => {
  for (const { lane, messages } of parts) {
    const left = messages.length;
    lane.search = { left, size: parts.length > 1 ? left : Math.max(1, left >> 1) };
  }
};

/** After a request that was answered: what made an earlier one fail is among the messages that are left. */
export const narrow = ({ lane, messages }: LanePart): void => {
  if (lane.search === undefined) return;
  const left = lane.search.left - messages.length;
  lane.search = left > 0 ? { left, size: Math.max(1, left >> 1) } : undefined;
};

const maxLatest = 32;

const remember = ({ latest }: PoisonSearch, request: ReadonlySet<number> | 'answered'): void => {
  latest.push(request);
  if (latest.length > maxLatest) latest.shift();
};
