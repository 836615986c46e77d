import { setTimeout as sleep } from 'node:timers/promises';
import { readLedger } from '../../shared/postgres/ledger.ts';
import { defaultDeadLetter } from '../../shared/routing/default-triggers.ts';
import { backlogOf, leftIn, readLetters } from './observe.ts';
import type { World } from './world.ts';

const streams = ['processor_state_sync', 'processor_state_router'] as const;

/** Waits until nothing is left to do; how long that took, or undefined where it took too long. */
export const awaitRest = async (
  world: World,
  recoveryMs: number,
  isDone: () => boolean,
): Promise<number | undefined> => {
  const startedMs = performance.now();
  while (performance.now() - startedMs < recoveryMs) {
    const left = await Promise.all(streams.map((stream) => backlogOf(world.connection, stream)));
    if (left.every(({ open }) => open === 0) && isDone()) return Math.round(performance.now() - startedMs);
    await sleep(100);
  }
  return undefined;
};

/** For a message of a check that waited in vain. */
export const describeBacklog = async (world: World): Promise<string> => {
  const backlogs = await Promise.all(streams.map((stream) => backlogOf(world.connection, stream)));
  return streams.map((stream, index) => `${stream} ${JSON.stringify(backlogs[index])}`).join(', ');
};

/**
 * What is left in the streams although nothing is open: a server that was killed keeps messages that it had counted as
 * settled (2.9 for ever). They are fine where the ledger or the dead letters have them, and lost where not.
 */
export const findUnhandled = async (
  world: World,
): Promise<{ readonly kept: number; readonly unhandled: readonly string[] }> => {
  const identities = (await Promise.all(streams.map((stream) => leftIn(world.connection, stream)))).flat();
  const handled = await readLedger(world.database.pool, identities);
  const letters = await readLetters(world.connection, defaultDeadLetter.stream, 0);
  const refused = new Set(letters.map(({ identity }) => identity));
  return {
    kept: identities.length,
    unhandled: identities.filter((identity) => !handled.has(identity) && !refused.has(identity)),
  };
};
