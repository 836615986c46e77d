import { Events, type Msg, type Subscription } from 'nats';
import { within } from '../process/within.ts';
import type { NatsConnection } from './connect.ts';
import { apiSubject, newInbox } from './jetstream-api.ts';
import { isDelivery } from './jetstream-message.ts';

/** What a reader has room for. */
export interface Capacity {
  readonly messages: number;
  readonly bytes: number;
}

export interface PullOptions {
  readonly stream: string;
  readonly durable: string;
  /** What may be asked for now; no messages if the reader wants to wait for {@link Puller.wake}. */
  readonly capacity: () => Capacity;
  /** If it throws, the message is not taken (the server delivers it again), and pulling goes on. */
  readonly onMessage: (message: Msg) => void;
  /** The consumer or its stream is gone: make it again. Tried with back-off until it resolves. */
  readonly restore: () => Promise<void>;
  /**
   * What the server had sent on an earlier request may have been lost with its connection or inbox, and comes again only
   * after the ack wait: awaited before more is asked for. Tried with back-off until it resolves, with whether the consumer is
   * there.
   */
  readonly resume?: () => Promise<boolean>;
  readonly onTrouble: (detail: string, error?: unknown) => void;
  /** How long a request that is sent now may wait at the server; none is sent if that is too short to be of use. */
  readonly expiresMs?: () => number;
}

export interface Puller {
  /** Looks again whether there is room. */
  wake(): void;
  /** Begins again as after a lost connection: what was sent to us may have gone elsewhere. */
  beginAnew(): void;
  /** The consumer or its stream is known to be gone. */
  restore(): void;
  /** Asks for nothing more; resolves once what was on its way has been handed over. What is lost all the same comes after its ack wait. */
  stop(): Promise<void>;
  /** Whether the server has accepted a request or there is no room for one. */
  readonly healthy: boolean;
}

/** How long the server may take to say that it sends nothing more. */
const drainMs = 300;
/** Requests for less time than this are more work than they bring. */
const leastExpiresMs = 250;
const usualExpiresMs = 30_000;
const longestHeartbeatMs = 5_000;
const signsMs = 1_000;
/** Beyond its end, for the server's word of it. */
const lateMs = 2_000;

/**
 * Reads a durable consumer by pull requests, one at a time. Each asks for no more than there is room for, in messages
 * and in bytes. What the server may still send on it counts as taken. Messages are handed over as they come, so a
 * request that is not filled delays nothing. Lost requests are noticed by the server's heartbeats and after a
 * reconnection.
 */
export const pullMessages = (connection: NatsConnection, options: PullOptions): Puller => {
  const nextSubject = apiSubject(connection, `CONSUMER.MSG.NEXT.${options.stream}.${options.durable}`);

  let subscription: Subscription | undefined;
  let inbox = '';
  /** Messages that the server may still send on the open request. */
  let open = 0;
  /** Messages that it asked for. */
  let asked = 0;
  /** Number of the open request and last token of its inbox: a word on an earlier one must not end it. */
  let requests = 0;
  let lastSignMs = 0;
  /** For how long the server may be silent about the open request. */
  let silenceMs = 0;
  let waitTimer: NodeJS.Timeout | undefined;
  let restoring = false;
  /** Counts the inboxes: only for the latest one it matters what comes of its `resume`. */
  let listens = 0;
  let resuming = false;
  let stopped = false;
  let troubled = false;

  const listen = (): void => {
    // A new inbox each time: without a listener on the old one the server drops what was asked for there.
    subscription?.unsubscribe();
    inbox = newInbox(connection);
    open = 0;
    listens += 1;
    resuming = false;
    if (connection.isClosed()) return;
    subscription = connection.subscribe(`${inbox}.*`, {
      callback: (error, message) => {
        if (error) return lose(error);
        try {
          take(message);
        } catch (cause) {
          // An exception that leaves this callback ends the client's reading of the whole connection.
          options.onTrouble('a message was not taken', cause);
        }
      },
    });
  };

  const lose = (error: unknown): void => {
    troubled = true;
    options.onTrouble('subscription refused', error);
    pullLater(1_000);
  };

  const pull = (): void => {
    if (stopped || restoring || resuming || open > 0 || waitTimer !== undefined || connection.isClosed()) return;
    const room = options.capacity();
    const expiresMs = Math.floor(options.expiresMs?.() ?? usualExpiresMs);
    if (room.messages < 1 || room.bytes < 1 || expiresMs < leastExpiresMs) return;
    open = room.messages;
    asked = open;
    lastSignMs = performance.now();
    // A short request says soon enough by its end that the server is there. Of a long one the server refuses heartbeats that are
    // further apart than half of it.
    const heartbeatMs = expiresMs < 2 * longestHeartbeatMs ? undefined : longestHeartbeatMs;
    silenceMs = heartbeatMs === undefined ? expiresMs + lateMs : heartbeatMs * 2.5;
    const request = {
      batch: room.messages,
      max_bytes: room.bytes,
      expires: expiresMs * 1_000_000,
      ...(heartbeatMs === undefined ? {} : { idle_heartbeat: heartbeatMs * 1_000_000 }),
    };
    requests += 1;
    connection.publish(nextSubject, JSON.stringify(request), { reply: `${inbox}.${requests}` });
  };

  const pullLater = (delayMs: number): void => {
    if (stopped) return;
    waitTimer ??= setTimeout(() => {
      waitTimer = undefined;
      pull();
    }, delayMs);
  };

  const resumed = async (): Promise<'there' | 'gone' | undefined> => {
    try {
      return (await options.resume?.()) === false ? 'gone' : 'there';
    } catch (error) {
      options.onTrouble('what was under way cannot be looked up', error);
      return undefined;
    }
  };

  /** Begins again on a new inbox. */
  const listenAnew = async (): Promise<void> => {
    listen();
    const own = listens;
    resuming = true;
    let found = await resumed();
    for (let delayMs = 250; found === undefined; delayMs = Math.min(delayMs * 2, 5_000)) {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (stopped || own !== listens) return;
      found = await resumed();
    }
    if (stopped || own !== listens) return;
    resuming = false;
    // nats-server 2.9 does not answer requests to a consumer that was deleted while none of them waited.
    if (found === 'gone') void restore();
    else pull();
  };

  const restored = async (): Promise<boolean> => {
    if (stopped) return true;
    try {
      await options.restore();
      return true;
    } catch (error) {
      options.onTrouble('the consumer cannot be made', error);
      return false;
    }
  };

  const restore = async (): Promise<void> => {
    if (restoring || stopped) return;
    restoring = true;
    // First a pause: the word comes while the server still removes the stream, and nats-server 2.9 takes no messages into
    // one that is made anew before it has finished.
    let delayMs = 500;
    do {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      delayMs = Math.min(delayMs * 2, 5_000);
    } while (!(await restored()));
    restoring = false;
    if (stopped) return;
    troubled = false;
    listen();
    pull();
  };

  const onStatus = (code: number, description: string): void => {
    lastSignMs = performance.now();
    if (code === 100) {
      troubled = false;
      return;
    }
    // Every other status ends the request: it expired (408), was filled by bytes or ended by the server (409).
    const isEmpty = open === asked;
    open = 0;
    const text = description.toLowerCase();
    if (code === 503 || code === 404 || text.includes('consumer deleted') || text.includes('stream deleted')) {
      troubled = true;
      options.onTrouble(`${code} ${description}`);
      void restore();
    } else if (text.includes('maxbytes') && isEmpty) {
      // The next message alone is larger than the request may be: asked at once again, the server would say the same.
      troubled = true;
      options.onTrouble(`${code} ${description}: the next message is larger than a request may ask for`);
      pullLater(5_000);
    } else if (code === 408 || text.includes('maxbytes') || text.includes('batch completed')) {
      troubled = false;
      pull();
    } else {
      troubled = true;
      options.onTrouble(`${code} ${description}`);
      void listenAnew();
      pullLater(code === 400 ? 5_000 : 250);
    }
  };

  const take = (message: Msg): void => {
    if (!isDelivery(message)) {
      if (message.subject !== `${inbox}.${requests}`) return;
      return onStatus(message.headers?.code ?? 0, message.headers?.description ?? '');
    }
    lastSignMs = performance.now();
    troubled = false;
    open = Math.max(0, open - 1);
    try {
      options.onMessage(message);
    } catch (cause) {
      options.onTrouble('a message was not taken', cause);
    }
    if (open === 0) pull();
  };

  const checkSigns = (): void => {
    if (open === 0 || restoring || performance.now() - lastSignMs < silenceMs) return;
    troubled = true;
    // While the connection is down nothing is asked for; its return starts anew.
    options.onTrouble('the server is silent');
    void listenAnew();
  };

  const watchReconnects = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (stopped) return;
      if (status.type === Events.Disconnect) troubled = true;
      if (status.type !== Events.Reconnect) continue;
      // Where the consumer is gone, the server says so at once.
      troubled = false;
      void listenAnew();
    }
  };

  listen();
  const signTimer = setInterval(checkSigns, signsMs);
  // The loop ends with the connection; the status iterator itself cannot fail.
  void watchReconnects();
  pull();
  return {
    wake: pull,
    beginAnew: () => void listenAnew(),
    restore: () => void restore(),
    stop: async () => {
      stopped = true;
      clearInterval(signTimer);
      clearTimeout(waitTimer);
      if (connection.isClosed() || subscription === undefined || subscription.isClosed()) return;
      // The server hears that nobody listens, and what it had sent by then still comes. Without a connection nothing does.
      await within(drainMs, subscription.drain(), () => subscription?.unsubscribe());
    },
    get healthy() {
      return !troubled && !restoring && !connection.isClosed();
    },
  };
};
