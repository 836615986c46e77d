import { useEffect, useState } from 'preact/hooks';
import { UnauthorizedError, type Client } from './client.ts';
import { learn, nothingKnown, type LastKnown } from './last-known.ts';
import type { LiveStatus } from './live-status.ts';
import { addSamples, type Samples } from './samples.ts';

export interface Live {
  /** The newest status, kept over an outage; undefined before the first one. */
  readonly status: LiveStatus | undefined;
  readonly samples: Samples;
  readonly known: LastKnown;
  /** When the status came, by the browser's clock. */
  readonly receivedMs: number;
  /** Why no status comes, or undefined while they do. */
  readonly fault: string | undefined;
}

const firstDelayMs = 500;
const longestDelayMs = 10_000;

/**
 * Follows the live status while the page is seen and signed in: a page that nobody looks at costs the function nothing.
 * @param onUnauthorized called when the token is not accepted
 */
export const useLive = (client: Client, isSignedIn: boolean, onUnauthorized: () => void): Live => {
  const [live, setLive] = useState<Live>({
    status: undefined,
    samples: new Map(),
    known: nothingKnown,
    receivedMs: 0,
    fault: undefined,
  });

  useEffect(() => {
    if (!isSignedIn) return undefined;
    let following = new AbortController();

    const follow = async ({ signal }: AbortController): Promise<void> => {
      let delayMs = firstDelayMs;
      while (!signal.aborted) {
        try {
          await client.follow(signal, (status) => {
            delayMs = firstDelayMs;
            setLive(({ samples, known }) => ({
              status,
              samples: addSamples(samples, status),
              known: learn(known, status),
              receivedMs: Date.now(),
              fault: undefined,
            }));
          });
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof UnauthorizedError) {
            onUnauthorized();
            return;
          }
          const fault = error instanceof Error ? error.message : String(error);
          setLive((before) => ({ ...before, fault }));
          delayMs = Math.min(delayMs * 2, longestDelayMs);
        }
        await wait(delayMs, signal);
      }
    };

    const onVisibility = (): void => {
      following.abort();
      if (document.hidden) return;
      following = new AbortController();
      void follow(following);
    };
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      following.abort();
    };
  }, [client, isSignedIn]);

  return live;
};

const wait = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
