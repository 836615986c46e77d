import type { HeldMessage } from './held-message.ts';

/** One request's share in the question who takes the function down. */
export interface TrialRequest {
  /** Whether no other request was under way at any moment of it: what happened is then its own doing. */
  isSolitary(): boolean;
}

/**
 * A process that dies takes all of its requests with it, and each of them looks guilty. So a message whose request failed
 * that way beside others is not blamed: it is put on trial, and while one is, requests go one at a time.
 */
export interface Trials {
  /** How many requests may be under way. */
  slots(most: number): number;
  /** A request begins; `inFlight` counts it. */
  begin(inFlight: number): TrialRequest;
  accuse(message: HeldMessage): void;
  /** They were settled, or answered: it was not they. */
  acquit(messages: readonly HeldMessage[]): void;
}

export const createTrials = (): Trials => {
  const accused = new Set<HeldMessage>();
  let begun = 0;
  return {
    slots: (most) => (accused.size > 0 ? Math.min(1, most) : most),
    begin: (inFlight) => {
      const own = (begun += 1);
      return { isSolitary: () => inFlight === 1 && own === begun };
    },
    accuse: (message) => void accused.add(message),
    acquit: (messages) => {
      if (accused.size > 0) for (const message of messages) accused.delete(message);
    },
  };
};
