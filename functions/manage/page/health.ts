import type { LiveStatus } from './live-status.ts';

export interface Health {
  readonly level: 'good' | 'warn' | 'bad' | 'unknown';
  readonly headline: string;
}

/** The one line that says how the store is. */
export const healthOf = (status: LiveStatus): Health => {
  const parts = { NATS: status.nats, Database: status.database, Functions: status.functions };
  const faults = Object.entries(parts).flatMap(([name, part]) =>
    part === null || part.ok ? [] : [`${name}: ${part.reason}`],
  );
  if (faults.length > 0) return { level: 'bad', headline: faults.join('; ') };
  const unread = status.streams.filter(
    (named) =>
      named.ok &&
      named.stream?.consumers.some(
        ({ waiting, pending, ackPending, isPaused, isPush }) =>
          isPaused || isPush || (waiting === 0 && pending + ackPending > 0),
      ) === true,
  );
  if (unread.length > 0) {
    return { level: 'bad', headline: `Messages wait that nobody reads: ${unread.map(({ name }) => name).join(', ')}` };
  }
  if (status.deadLetters.ok && status.deadLetters.messages > 0) {
    return { level: 'warn', headline: 'All parts answer; messages were given up' };
  }
  return { level: 'good', headline: 'Healthy' };
};
