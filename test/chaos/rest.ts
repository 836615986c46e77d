import { setTimeout as sleep } from 'node:timers/promises';
import { readLedger } from '../../shared/postgres/ledger.ts';
import { defaultDeadLetter } from '../../shared/routing/default-triggers.ts';
import { backlogOf, leftIn, readLetters, type Backlog } from './observe.ts';
import type { World } from './world.ts';

const streams = ['processor_state_sync', 'processor_state_router'] as const;
const pollMs = 100;
/** What is open and does not change for so long may be what nobody can settle any more: then the stored data are asked. */
const unchangedMs = 3_000;

const backlogs = (world: World): Promise<readonly Backlog[]> =>
  Promise.all(streams.map((stream) => backlogOf(world.connection, stream)));

/** What came out behind the store so far. */
export interface Progress {
  /** How much, so that a standstill can be told. */
  readonly received: number;
  /** Whether that is all that must come. */
  readonly isComplete: boolean;
}

/**
 * Waits until nothing is left to do; how long that took, or undefined if it took too long.
 *
 * A consumer can count messages as unsettled that are done: nats-server 2.9 keeps, after a kill, settled messages above an
 * ack floor that something else holds back. Where everything was delivered and nothing changes, ledger and dead letters
 * decide. So it does not wait for forwards that will never come: those are the checker's to find. What was not delivered
 * yet is always left to do. A question that the server does not answer is asked again.
 */
export const awaitRest = async (
  world: World,
  recoveryMs: number,
  progress: () => Progress,
): Promise<number | undefined> => {
  const startedMs = performance.now();
  const passedMs = (): number => Math.round(performance.now() - startedMs);
  let seen = '';
  let sinceMs = 0;
  while (passedMs() < recoveryMs) {
    try {
      const left = await backlogs(world);
      const { received, isComplete } = progress();
      const isDelivered = left.every(({ pending }) => pending === 0);
      if (isDelivered && isComplete && left.every(({ unsettled }) => unsettled === 0)) return passedMs();
      const now = JSON.stringify([received, left.map(({ messages, unsettled }) => [messages, unsettled])]);
      if (!isDelivered || now !== seen) sinceMs = passedMs();
      seen = now;
      if (passedMs() - sinceMs >= unchangedMs) {
        if ((await findUnhandled(world)).unhandled.length === 0) return passedMs();
        sinceMs = passedMs();
      }
    } catch {
      // A server that was hit a moment ago; one that stays away uses up the time.
    }
    await sleep(pollMs);
  }
  return undefined;
};

/** For a message of a check that waited in vain. */
export const describeBacklog = async (world: World): Promise<string> => {
  try {
    const left = await backlogs(world);
    return streams.map((stream, index) => `${stream} ${JSON.stringify(left[index])}`).join(', ');
  } catch (error) {
    return `the server does not say what is left (${String(error)})`;
  }
};

/**
 * What is left in the streams although nothing is open: a server that was killed keeps messages that it had counted as
 * settled (2.9 for ever). They are fine if the dead letters have them, or the ledger with all their forwards, and lost
 * if not.
 */
export const findUnhandled = async (
  world: World,
): Promise<{ readonly kept: number; readonly unhandled: readonly string[] }> => {
  const identities = (await Promise.all(streams.map((stream) => leftIn(world.connection, stream)))).flat();
  if (identities.length === 0) return { kept: 0, unhandled: [] };
  const ledger = await readLedger(world.database.pool, identities);
  const letters = await readLetters(world.connection, defaultDeadLetter.stream, 0);
  const refused = new Set(letters.map(({ identity }) => identity));
  return {
    kept: identities.length,
    unhandled: identities.filter((identity) => ledger.get(identity)?.forwarded !== true && !refused.has(identity)),
  };
};
