import { useMemo, useRef, useState } from 'preact/hooks';
import { UnauthorizedError, type Client } from './client.ts';
import type { Desk, Question } from './desk.ts';

interface Message {
  readonly id: number;
  readonly text: string;
  readonly isFailure: boolean;
}

/** A question that waits for its answer. */
export interface OpenQuestion {
  readonly question: Question;
  readonly answer: (isYes: boolean) => void;
}

const messageMs = 5_000;
const failureMs = 12_000;

/** The desk of the views, with the messages and the question that the page shows for it. */
export const useDeskState = (
  client: Client,
  onUnauthorized: () => void,
): { readonly desk: Desk; readonly messages: readonly Message[]; readonly question: OpenQuestion | undefined } => {
  const [messages, setMessages] = useState<readonly Message[]>([]);
  const [question, setQuestion] = useState<OpenQuestion>();
  const lastId = useRef(0);
  // The desk stays the same object for as long as the page: views may depend on it.
  const refused = useRef(onUnauthorized);
  refused.current = onUnauthorized;
  const desk = useMemo((): Desk => {
    const say: Desk['say'] = (text, isFailure = false) => {
      lastId.current += 1;
      const id = lastId.current;
      setMessages((before) => [...before, { id, text, isFailure }]);
      setTimeout(
        () => setMessages((before) => before.filter((message) => message.id !== id)),
        isFailure ? failureMs : messageMs,
      );
    };
    return {
      client,
      say,
      ask: (asked) =>
        new Promise((resolve) => {
          const answer = (isYes: boolean): void => {
            setQuestion(undefined);
            resolve(isYes);
          };
          setQuestion({ question: asked, answer });
        }),
      attempt: async (work) => {
        try {
          return await work();
        } catch (error) {
          if (error instanceof UnauthorizedError) refused.current();
          else say(error instanceof Error ? error.message : String(error), true);
          return undefined;
        }
      },
    };
  }, [client]);
  return { desk, messages, question };
};
