import { RetryableError } from '../../shared/errors/sync-error.ts';
import { CommandError } from '../../shared/operate/command-error.ts';
import { findRouteId } from '../../shared/operate/find-route.ts';
import { findStateId } from '../../shared/operate/find-state.ts';
import { CliError, exitCodes } from './cli-io.ts';
import type { Store } from './open-store.ts';

const finders = { state: findStateId, route: findRouteId } as const;

/**
 * The id of what an argument means: of a state its id, its name or the beginning of one, of a route its id or the beginning of it.
 * What is not there is taken as it was written: a state that is gone is still named by messages and caches, and a database that is
 * away knows none. @throws CliError with the candidates, if there are several
 */
export const meantId = async (store: Store, kind: keyof typeof finders, text: string): Promise<string> => {
  try {
    return await finders[kind](await store.pool(), text);
  } catch (error) {
    const isUnknown = error instanceof RetryableError || (error instanceof CommandError && error.code === 'not_found');
    if (isUnknown) return text;
    if (!(error instanceof CommandError)) throw error;
    throw new CliError(exitCodes.failed, error.code, error.message, { cause: error });
  }
};
