import type { HeldMessage } from './held-message.ts';

/** How often the requests of others fail: what a failure says of a message depends on it. */
export interface FailureRate {
  succeeded(): void;
  /** A request with these messages failed as a whole. */
  failed(messages: readonly HeldMessage[]): void;
  /**
   * How many failures in a row blame a message: at least `least`, and more where requests without it fail too, so that one
   * process among several that is broken, or a gateway that drops every other request, does not use up good messages.
   */
  killsNeeded(message: HeldMessage, least: number): number;
}

const maxRequests = 32;
/** Chance at which an innocent message may fail so often in a row. */
const maxChance = 1e-6;
/** However many fail: what kills must not stay for ever. */
const mostKills = 20;

export const createFailureRate = (): FailureRate => {
  /** What was in each request that failed; weakly, because a message must not be kept for this. */
  const requests: (WeakSet<HeldMessage> | 'answered')[] = [];
  const add = (request: WeakSet<HeldMessage> | 'answered'): void => {
    requests.push(request);
    if (requests.length > maxRequests) requests.shift();
  };
  return {
    succeeded: () => add('answered'),
    failed: (messages) => add(new WeakSet(messages)),
    killsNeeded: (message, least) => {
      const others = requests.filter((request) => request === 'answered' || !request.has(message));
      const failures = others.filter((request) => request !== 'answered').length;
      if (failures === 0) return least;
      const rate = failures / others.length;
      const needed = rate === 1 ? mostKills : Math.ceil(Math.log(maxChance) / Math.log(rate));
      return Math.max(least, Math.min(mostKills, needed));
    },
  };
};
