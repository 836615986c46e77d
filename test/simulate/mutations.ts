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
};
