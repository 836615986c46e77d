import { createParser } from './event-parser.ts';
import type { LiveStatus } from './live-status.ts';

/** The token is missing or wrong. */
export class UnauthorizedError extends Error {
  override readonly name = 'UnauthorizedError';
}

/** Talks to `manage`. */
export interface Client {
  /** Runs a command and returns its result. @throws UnauthorizedError, or Error with code and reason */
  command<Result>(name: string, fields?: Readonly<Record<string, unknown>>): Promise<Result>;
  /**
   * Reads the live status until the server ends the stream.
   * @throws UnauthorizedError, or Error if the server does not answer
   */
  follow(signal: AbortSignal, onStatus: (status: LiveStatus) => void): Promise<void>;
}

/** @param base the path of the page, with a slash at its end */
export const createClient = (base: string, token: () => string): Client => {
  const headers = (): Record<string, string> => ({
    'content-type': 'application/json',
    ...(token() === '' ? {} : { authorization: `Bearer ${token()}` }),
  });

  const ask = async (path: string, init: RequestInit): Promise<Response> => {
    const answer = await fetch(path, { ...init, headers: headers() });
    if (answer.status === 401) throw new UnauthorizedError('the token is missing or wrong');
    if (!answer.ok) throw new Error(await faultOf(answer));
    return answer;
  };

  return {
    command: async <Result>(name: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Result> => {
      const answer = await ask(base, { method: 'POST', body: JSON.stringify({ command: name, ...fields }) });
      return ((await answer.json()) as { readonly result: Result }).result;
    },
    // With fetch: an EventSource could not send the token.
    follow: async (signal, onStatus) => {
      const { body } = await ask(`${base}events`, { signal });
      if (body === null) return;
      const parse = createParser();
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        for (const event of parse(value)) {
          if (event.name === 'status') onStatus(JSON.parse(event.data) as LiveStatus);
        }
      }
    },
  };
};

/** What the server said about a request that it did not do. */
const faultOf = async (answer: Response): Promise<string> => {
  try {
    const { error } = (await answer.json()) as { readonly error: { readonly code: string; readonly reason: string } };
    return `${error.code}: ${error.reason}`;
  } catch {
    // A gateway in between answers in its own words.
    return `The server answered ${answer.status}.`;
  }
};
