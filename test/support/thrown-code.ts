import { TerminalError } from '../../shared/errors/sync-error.ts';

/** The code of the terminal error that the action throws; undefined if it throws nothing. */
export const thrownCode = (action: () => unknown): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof TerminalError) return error.code;
    throw error;
  }
};
