import { CommandError } from '../../shared/operate/command-error.ts';
import { runCommand } from '../../shared/operate/run-command.ts';
import { CliError, exitCodes } from './cli-io.ts';
import type { Store } from './open-store.ts';

/** Runs a command of `manage` in this process; arguments that are undefined are left out. @throws CliError */
export const callManage = async <T>(store: Store, fields: Readonly<Record<string, unknown>>): Promise<T> => {
  const request = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  try {
    return (await runCommand(request, await store.manage())) as T;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const exitCode = error.code === 'invalid_arguments' ? exitCodes.usage : exitCodes.failed;
    throw new CliError(exitCode, error.code, error.message, { cause: error });
  }
};
