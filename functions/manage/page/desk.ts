import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Client } from './client.ts';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** The word on the button that goes on. */
  readonly yes: string;
  readonly isDanger?: boolean;
}

/** What every view works with. */
export interface Desk {
  readonly client: Client;
  /** Shows a short message for some seconds. */
  readonly say: (text: string, isFailure?: boolean) => void;
  /** Asks before something is done; resolves to whether to go on. */
  readonly ask: (question: Question) => Promise<boolean>;
  /** Runs work and says what failed; undefined then. A token that is refused leads to the sign-in. */
  readonly attempt: <Result>(work: () => Promise<Result>) => Promise<Result | undefined>;
}

export const DeskContext = createContext<Desk | undefined>(undefined);

export const useDesk = (): Desk => {
  const desk = useContext(DeskContext);
  if (desk === undefined) throw new Error('a view is shown outside of the page');
  return desk;
};
