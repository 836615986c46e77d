import { CommandError } from '../../shared/operate/command-error.ts';
import { findStateId } from '../../shared/operate/find-state.ts';
import { CliError, exitCodes } from './cli-io.ts';
import type { Store } from './open-store.ts';

/** The id of the state that an argument means: id, name, or the beginning of one. @throws CliError with the candidates */
export const findState = async (store: Store, text: string): Promise<string> => {
  try {
    return await findStateId(await store.pool(), text);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CliError(exitCodes.failed, error.code, error.message, { cause: error });
  }
};
