import type { SourceChange } from '../support/source-changes.ts';

/**
 * What the connector would be without one of its promises, by the promise (infra/connector/README.md): a simulation that stays
 * green with any of these is worth nothing. C14 is about cost, which no simulation shows; test/unit/connector counts it.
 */
export const mutations: Readonly<Record<string, readonly SourceChange[]>> = {
  /** What comes back to be tried again counts as done. */
  C1: [
    {
      file: 'infra/connector/dispatch/judge.ts',
      find: `if (outcome?.outcome === 'ack') verdicts.acked.push(queued);`,
      replace: `if (outcome?.outcome === 'ack' || outcome?.outcome === 'retry') verdicts.acked.push(queued);`,
    },
  ],
  /** A message that comes while its key is in flight is sent beside it. */
  C2: [
    {
      file: 'infra/connector/dispatch/lane.ts',
      find: `  in_flight: {
    message_added: 'stay',
    taken: 'impossible',`,
      replace: `  in_flight: {
    message_added: 'rest',
    taken: 'in_flight',`,
    },
  ],
  /** What is in other hands holds back nothing. */
  C3: [
    {
      file: 'infra/connector/dispatch/lanes.ts',
      find: `lane.firstBlocker = Math.min(lane.firstBlocker, sequence);`,
      replace: ``,
    },
  ],
  /** Takeover skipped: whoever reads next does not look what the connector before it was given. */
  'C3 after a change of connector': [
    {
      file: 'infra/connector/intake/unsettled-search.ts',
      find: `const isElsewhere = isWithin && !isHeld(sequence);`,
      replace: `const isElsewhere = isWithin && !isHeld(sequence) && position.lastSequence < 0;`,
    },
  ],
  /** What a request did not settle is forgotten. */
  C4: [
    {
      file: 'infra/connector/dispatch/lanes.ts',
      find: `const left = messages.filter(({ isSettled }) => !isSettled);`,
      replace: `const left: QueuedMessage[] = [];`,
    },
  ],
  /** A message that is given up ends before its dead letter is stored. */
  C5: [
    {
      file: 'test/simulate/simulation.ts',
      find: `    giving.set(message.id, { message, life });`,
      replace: `    giving.set(message.id, { message, life });
    connector.settle('term', message);`,
    },
  ],
  /** While one key pauses, nothing is sent. */
  C6: [
    {
      file: 'infra/connector/dispatch/core.ts',
      find: `if (nextLaneMs !== undefined) scheduleAt(state, nextLaneMs);`,
      replace: `if (nextLaneMs !== undefined) return scheduleAt(state, nextLaneMs);`,
    },
  ],
  /** One failure of a request blames the message that was alone in it. */
  C7: [
    {
      file: 'infra/connector/dispatch/requests.ts',
      find: `killsNeeded(search, only, limits.killsBeforeDeadLetter);`,
      replace: `1;`,
    },
  ],
  /** A database that is away uses up attempts. */
  C8: [
    {
      file: 'infra/connector/dispatch/judge.ts',
      find: `attempts: tries.attempts + (counts ? 1 : 0),`,
      replace: `attempts: tries.attempts + 1,`,
    },
  ],
  /** A message is told from others by its sequence alone. */
  C9: [
    {
      file: 'infra/connector/intake/received-message.ts',
      find: 'export const storedKey = (sequence: number, storedNs: string): string => `${sequence}@${storedNs}`;',
      replace: 'export const storedKey = (sequence: number, _storedNs: string): string => String(sequence);',
    },
  ],
  /** What is said of a request that is over is taken for news. */
  C10: [
    {
      file: 'infra/connector/dispatch/requests.ts',
      find: `  if (request === undefined) return;`,
      replace: `  if (request === undefined) throw new Error('C10: there is no such request');`,
    },
  ],
  /** An open breaker lets everything through. */
  C11: [
    {
      file: 'infra/connector/dispatch/circuit-breaker.ts',
      find: `state === 'closed' ? allowed : state === 'probing' ? 1 : 0;`,
      replace: `allowed + (state === 'open' ? 0 : 0);`,
    },
  ],
  /** What is held does not count against the room. */
  C12: [
    {
      file: 'infra/connector/intake/pull-capacity.ts',
      find: `const free = share - heldMessages - reservedMessages;`,
      replace: `const free = share;`,
    },
  ],
  /** Back-offs come from elsewhere than the seed. */
  C13: [
    {
      file: 'infra/connector/dispatch/dispatch-state.ts',
      find: `  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;`,
      replace: `  return Math.random();`,
    },
  ],
  /** What an operator has paused is sent all the same. */
  C15: [
    {
      file: 'infra/connector/dispatch/lane.ts',
      find: `return lane.isPaused || isBlocked(lane) ? 'blocked' : 'ready';`,
      replace: `return isBlocked(lane) ? 'blocked' : 'ready';`,
    },
  ],
};

/** The same for several connectors that take turns. */
export const togetherMutations: Readonly<Record<string, readonly SourceChange[]>> = {
  /** What comes before its turn does not wait for what was handed back and is not here. */
  'C3 after a change of connector': [
    {
      file: 'infra/connector/intake/held-back.ts',
      find: `if (first === undefined || first > sequence) return [];`,
      replace: `if (first === undefined || first > 0) return [];`,
    },
  ],
  /** Whose lease is over goes on as if it were not. */
  L3: [
    {
      file: 'infra/connector/lease/tenure.ts',
      find: `tenure.remainingMs() > 0;`,
      replace: `tenure.remainingMs() >= 0;`,
    },
  ],
  /** A pull waits at the server for longer than the lease lasts. */
  L4: [
    {
      file: 'infra/connector/lease/pull-expiry.ts',
      find: `remainingMs / (1 + driftAllowance)`,
      replace: `remainingMs * 2`,
    },
  ],
  /** What the one before was given is waited for, as if that one were still there. */
  L5: [
    {
      file: 'infra/connector/intake/sole-reader.ts',
      find: `      return isAlone;`,
      replace: `      return false;`,
    },
  ],
  /** Nobody counts the deliveries. */
  L6: [
    {
      file: 'infra/connector/intake/sole-reader.ts',
      find: `consumerSequence > delivered + 1;`,
      replace: `consumerSequence < 0;`,
    },
  ],
  /** Who stops gives its lease up first, and then hands back what it has. */
  L7: [
    {
      file: 'infra/connector/planned-stop.ts',
      find: `  'hand_back',
  'give_up_lease',`,
      replace: `  'give_up_lease',
  'hand_back',`,
    },
  ],
  /** Whose lease was over does not go on when it is there again. */
  L8: [
    {
      file: 'infra/connector/lease/next-action.ts',
      find: `return wasOver && !isEnding ? 'resume' : 'wake';`,
      replace: `return wasOver && !isEnding ? 'wake' : 'wake';`,
    },
  ],
};

/** The same for the lease. */
export const leaseMutations: Readonly<Record<string, readonly SourceChange[]>> = {
  /** Whoever wants to read reads. */
  L1: [
    {
      file: 'infra/connector/lease/lease.ts',
      find: `return silentMs(record, nowMs) >= 0 ? { kind: 'take', revision } : { kind: 'wait' };`,
      replace: `return silentMs(record, nowMs) >= 0 || revision > 0 ? { kind: 'take', revision } : { kind: 'wait' };`,
    },
  ],
  /** The wait for a silent holder begins when it was first seen, not with its last word. */
  L2: [
    {
      file: 'infra/connector/lease/lease.ts',
      find: `if (sight.revision !== revision || !Number.isFinite(seenMs)) seenMs = nowMs;`,
      replace: `if (!Number.isFinite(seenMs)) seenMs = nowMs;`,
    },
  ],
  /** A pull waits at the server for longer than the lease lasts. */
  L4: [
    {
      file: 'infra/connector/lease/pull-expiry.ts',
      find: `remainingMs / (1 + driftAllowance)`,
      replace: `remainingMs * 2`,
    },
  ],
};
