import type { NatsSettings } from '../config/nats-settings.ts';
import { RetryableError } from '../errors/sync-error.ts';
import { within } from '../process/within.ts';
import type { RouteConfig } from '../routing/routing.ts';
import type { StreamSettings } from '../routing/stream-settings.ts';
import type { BusLine } from './bus-line.ts';
import type { NatsConnection, NatsStatus } from './connect.ts';
import type { OutgoingMessage, PublishOutcome, Publisher } from '../message/outgoing-message.ts';

export interface BusOptions {
  /** By selector; where two routes name one stream they share its URL. */
  readonly routes: ReadonlyMap<string, RouteConfig>;
  /** Credentials, TLS, JetStream's prefix, and the URL that is used for every route if set; else each route's own. */
  readonly settings: NatsSettings;
  /** How streams are made that are missing. */
  readonly streams?: StreamSettings;
  readonly name: string;
  /** Told of each new connection: the place to subscribe to what every replica must hear. */
  readonly onConnection?: (connection: NatsConnection, url: string) => void | Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Where a function publishes: one connection per URL, made at first use and kept. */
export interface Bus extends Publisher {
  /** Connects in the background, so that a first message does not wait for it. */
  warm(): void;
  /** The connection of a URL (default: the first route's). */
  connection(url?: string): Promise<NatsConnection>;
}

/** Messages by the connection they leave through, each with its place in the answer. */
type Shares = Map<string, { readonly message: OutgoingMessage; readonly index: number }[]>;

/**
 * One answer for each message in the order given; a route without JetStream is published to without confirmation. The
 * client's code is loaded with the first connection: a first message that is only stored is stored a sixth sooner without.
 */
export const createBus = (options: BusOptions): Bus => {
  const routesByStream = new Map([...options.routes.values()].map((route) => [route.name, route]));
  const firstUrl = options.settings.url ?? routesByStream.values().next().value?.url ?? 'nats://localhost:4222';
  const lines = new Map<string, Promise<BusLine>>();
  let closed = false;

  const onStatus = (status: NatsStatus, detail: string): void => {
    if (status === 'unreachable' || status === 'error') options.onError(new RetryableError('nats_unavailable', detail));
  };

  const open = async (url: string): Promise<BusLine> => {
    try {
      const { openBusLine } = await import('./bus-line.ts');
      const { name, settings, streams } = options;
      const opened = await openBusLine({ url, name, settings, streams, onStatus });
      await options.onConnection?.(opened.connection, url);
      return opened;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : 'the NATS server cannot be reached';
      throw new RetryableError('nats_unavailable', reason, { cause });
    }
  };

  const line = (url: string): Promise<BusLine> => {
    const known = lines.get(url);
    if (known) return known;
    const opening = open(url);
    lines.set(url, opening);
    // A failed first connection is tried again by the next message.
    opening.catch(() => lines.delete(url));
    return opening;
  };

  const urlOf = (stream: string): string => options.settings.url ?? routesByStream.get(stream)?.url ?? firstUrl;

  /** How the messages of a stream leave, made once: all of one kind and URL go together. */
  const keys = new Map<string, string>();
  const lineOf = (stream: string): string => {
    let key = keys.get(stream);
    if (key === undefined) {
      const core = routesByStream.get(stream)?.jetstreamEnabled === false;
      key = `${core ? 'core' : 'jetstream'} ${urlOf(stream)}`;
      if (routesByStream.has(stream)) keys.set(stream, key);
    }
    return key;
  };

  const publishShare = async (
    url: string,
    messages: readonly OutgoingMessage[],
  ): Promise<readonly PublishOutcome[]> => {
    try {
      const { publisher, publishCore } = await line(url);
      if (messages.every(({ stream }) => routesByStream.get(stream)?.jetstreamEnabled !== false)) {
        return await publisher.publish(messages);
      }
      await publishCore(messages);
      return messages.map(() => ({ ok: true, duplicate: false, sequence: 0 }));
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      return messages.map(() => ({ ok: false, error: failure }));
    }
  };

  return {
    warm: () => {
      line(firstUrl).catch(options.onError);
    },
    connection: async (url) => (await line(url ?? firstUrl)).connection,
    maxPayloadBytes: async () => (await line(firstUrl)).publisher.maxPayloadBytes(),
    publish: async (messages) => {
      const [first] = messages;
      if (first === undefined) return [];
      const only = lineOf(first.stream);
      // Almost always: all of them are for one router.
      if (messages.every(({ stream }) => lineOf(stream) === only)) return publishShare(urlIn(only), messages);
      const shares: Shares = new Map();
      messages.forEach((message, index) => {
        const key = lineOf(message.stream);
        const share = shares.get(key);
        if (share) share.push({ message, index });
        else shares.set(key, [{ message, index }]);
      });
      const outcomes: PublishOutcome[] = [];
      await Promise.all(
        [...shares].map(async ([key, share]) => {
          const results = await publishShare(
            urlIn(key),
            share.map(({ message }) => message),
          );
          results.forEach((result, position) => {
            outcomes[share[position]!.index] = result;
          });
        }),
      );
      return outcomes;
    },
    close: async () => {
      if (closed) return;
      closed = true;
      const open = await Promise.allSettled(lines.values());
      for (const result of open) {
        if (result.status !== 'fulfilled') continue;
        const { publisher, connection } = result.value;
        await publisher.close();
        await drain(connection).catch(options.onError);
      }
    },
  };
};

const urlIn = (line: string): string => line.slice(line.indexOf(' ') + 1);

const drainMs = 2_000;

/** Ends the connection; what a server that does not answer has not read by then stays unread. */
const drain = async (connection: NatsConnection): Promise<void> => {
  await within(drainMs, connection.drain(), () => undefined);
  await connection.close();
};
