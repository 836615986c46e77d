import type { HttpStream } from '../../shared/http/http-server.ts';
import { reasonOf } from '../../shared/message/to-outcome.ts';

/** Sends the same picture to every open page: it is taken once per interval, and only while somebody looks. */
export interface LiveStatus {
  /** A stream of server-sent events, or undefined if too many pages are open. */
  open(): HttpStream | undefined;
  readonly clients: number;
}

export interface LiveStatusOptions {
  /** Takes the picture; what it throws is sent as an `error` event. */
  readonly read: () => Promise<unknown>;
  readonly intervalMs: number;
  /** A stream ends itself after this time, before a gateway cuts it; the page opens a new one. */
  readonly longestMs: number;
  readonly maxClients: number;
}

export const createLiveStatus = (options: LiveStatusOptions): LiveStatus => {
  const listeners = new Set<(chunk: string) => void>();
  let latest: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let reading = false;

  const tick = async (): Promise<void> => {
    if (reading) return;
    reading = true;
    try {
      latest = eventText('status', await options.read());
    } catch (error) {
      latest = eventText('error', { reason: reasonOf(error) });
    } finally {
      reading = false;
    }
    for (const listener of listeners) listener(latest);
    if (listeners.size > 0) timer = setTimeout(() => void tick(), options.intervalMs);
    else latest = undefined;
  };

  const follow = (listener: (chunk: string) => void, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = setTimeout(() => finish(), options.longestMs);
      const finish = (): void => {
        clearTimeout(end);
        signal.removeEventListener('abort', finish);
        listeners.delete(listener);
        resolve();
      };
      signal.addEventListener('abort', finish);
      listeners.add(listener);
      if (latest !== undefined) listener(latest);
      clearTimeout(timer);
      void tick();
    });

  return {
    get clients() {
      return listeners.size;
    },
    open: () =>
      listeners.size >= options.maxClients
        ? undefined
        : {
            status: 200,
            headers: {
              'content-type': 'text/event-stream',
              'cache-control': 'no-store',
              // Proxies that buffer would hold events back.
              'x-accel-buffering': 'no',
            },
            stream: (write, signal) => follow(write, signal),
          },
  };
};

const eventText = (name: string, value: unknown): string => `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`;
