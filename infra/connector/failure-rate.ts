import type { HeldMessage } from './held-message.ts';

/** How often the requests of others fail: what a failure says of a message depends on it. */
export interface FailureRate {
  /** A request with these messages is over. */
  add(messages: readonly HeldMessage[], hasFailed: boolean): void;
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
  const requests: { readonly messages: readonly HeldMessage[]; readonly hasFailed: boolean }[] = [];
  return {
    add: (messages, hasFailed) => {
      requests.push({ messages, hasFailed });
      if (requests.length > maxRequests) requests.shift();
    },
    killsNeeded: (message, least) => {
      const others = requests.filter(({ messages }) => !messages.includes(message));
      const failed = others.filter(({ hasFailed }) => hasFailed).length;
      if (failed === 0) return least;
      const rate = failed / others.length;
      const needed = rate === 1 ? mostKills : Math.ceil(Math.log(maxChance) / Math.log(rate));
      return Math.max(least, Math.min(mostKills, needed));
    },
  };
};
