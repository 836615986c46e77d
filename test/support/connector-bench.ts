import { createConnector, type Connector, type ConnectorOptions } from '../../infra/connector/create-connector.ts';
import { deadLetterPayload } from '../../shared/nats/dead-letter-body.ts';
import { connectNats, type NatsConnection } from '../../shared/nats/connect.ts';
import { ensureStream } from '../../shared/nats/ensure-stream.ts';
import { headerEntries } from '../../shared/nats/headers.ts';
import { createJetStreamPublisher } from '../../shared/nats/jetstream-publisher.ts';
import type { OutgoingMessage, PublishOutcome, Publisher } from '../../shared/message/outgoing-message.ts';
import { parseDeadLetterHeaders, type DeadLetterInfo, type HeaderEntry } from '../../shared/message/dead-letter.ts';
import { defaultDeadLetter, defaultLimits, defaultTriggers } from '../../shared/routing/default-triggers.ts';
import type { RouteConfig, Routing, TriggerLimits } from '../../shared/routing/routing.ts';
import type { LogFields } from '../../shared/telemetry/log.ts';
import type { Script, ScriptedFunction } from './scripted-function.ts';
import { until } from './until.ts';

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields;
}

export interface StoredDeadLetter {
  readonly info: DeadLetterInfo;
  readonly headers: readonly HeaderEntry[];
  readonly payload: string;
  readonly subject: string;
}

/** Everything around a connector under test: its routes, a client that publishes, and ways to look at the streams. */
export interface ConnectorBench {
  readonly nats: NatsConnection;
  readonly publisher: Publisher;
  readonly routing: Routing;
  readonly logs: LogLine[];
  /** Starts a connector; it is stopped by `close`. */
  start(gatewayUrl: string, options?: Partial<ConnectorOptions>): Promise<Connector>;
  publish(messages: readonly Partial<OutgoingMessage>[]): Promise<readonly PublishOutcome[]>;
  /** Messages that the stream holds. */
  streamMessages(stream?: string): Promise<number>;
  deadLetters(): Promise<StoredDeadLetter[]>;
  close(): Promise<void>;
}

const testRoute = (
  url: string,
  selector: string,
  name: string,
  subject: string,
  more: Partial<RouteConfig> = {},
): RouteConfig => ({
  selector,
  name,
  url,
  subject,
  queue: null,
  jetstreamEnabled: true,
  ackWaitSeconds: 5,
  batchSize: 1,
  concurrentEnabled: false,
  concurrentMaxWorkers: 10,
  concurrentPriorityEnabled: false,
  concurrentMaxWorkersHigh: 5,
  ...more,
});

/** Quick tries, so that tests of many failures stay short. */
const quickLimits: TriggerLimits = {
  ...defaultLimits,
  requestTimeoutMs: 2_000,
  maxAttempts: 4,
  backoffInitialMs: 10,
  backoffMaxMs: 80,
};

export interface BenchOptions {
  readonly limits?: Partial<TriggerLimits>;
  readonly syncRoute?: Partial<RouteConfig>;
}

export const directMessage = (stateId: string, n: number, more: Record<string, unknown> = {}): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify({ type: 'query_state_direct', state_id: stateId, query_state: [{ n }], ...more }),
  );

/**
 * Starts a connector whose first request is answered when it has received `count` messages: what the first pull happens
 * to bring is the network's to say, and the batches after it are then full. After that, the script answers.
 */
export const startHolding = async (
  bench: ConnectorBench,
  target: ScriptedFunction,
  count: number,
  script: Script = () => undefined,
): Promise<Connector> => {
  let connector: Connector | undefined;
  const received = (): number => connector?.metrics()['received{processor_state_sync}'] ?? 0;
  target.script = async (call) => {
    if (target.calls[0] === call) await until('the messages to be received', () => received() >= count);
    return await script(call);
  };
  connector = await bench.start(target.url);
  return connector;
};

export const createBench = async (url: string, options: BenchOptions = {}): Promise<ConnectorBench> => {
  const nats = await connectNats({ url, name: 'test' });
  const publisher = createJetStreamPublisher(nats);
  const routes = [
    testRoute(url, 'processor/state/sync', 'processor_state_sync', 'processor.state.sync', options.syncRoute),
    testRoute(url, 'processor/state/router', 'processor_state_router', 'processor.state.router'),
    testRoute(url, 'processor/monitor', 'processor_monitor', 'processor.monitor'),
  ];
  const routing: Routing = {
    routes: new Map(routes.map((route) => [route.selector, route])),
    triggers: defaultTriggers.map((trigger) => ({ ...trigger, limits: { ...quickLimits, ...options.limits } })),
    deadLetter: defaultDeadLetter,
    streams: new Map(),
    warnings: [],
  };
  for (const { name, subject } of routes) await ensureStream(nats, { stream: name, baseSubject: subject });
  const logs: LogLine[] = [];
  const at =
    (level: string) =>
    (event: string, fields: LogFields = {}) =>
      void logs.push({ level, event, fields });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const connectors: Connector[] = [];
  return {
    nats,
    publisher,
    routing,
    logs,
    start: async (gatewayUrl, more = {}) => {
      const connector = createConnector({ routing, gatewayUrl, log, ...more });
      connectors.push(connector);
      await connector.start();
      return connector;
    },
    publish: async (messages) => {
      const outcomes = await publisher.publish(
        messages.map((message, index) => ({
          stream: 'processor_state_sync',
          baseSubject: 'processor.state.sync',
          subject: 'processor.state.sync',
          payload: new Uint8Array(),
          id: `${Date.now()}-${Math.random()}-${index}`,
          ...message,
        })),
      );
      const failed = outcomes.find((outcome) => !outcome.ok);
      if (failed?.ok === false) throw failed.error;
      return outcomes;
    },
    streamMessages: async (stream = 'processor_state_sync') => {
      const manager = await nats.jetstreamManager({ checkAPI: false });
      return (await manager.streams.info(stream)).state.messages;
    },
    deadLetters: async () => {
      const manager = await nats.jetstreamManager({ checkAPI: false });
      const { state } = await manager.streams.info(defaultDeadLetter.stream);
      const letters: StoredDeadLetter[] = [];
      for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
        const stored = await manager.streams.getMessage(defaultDeadLetter.stream, { seq });
        const headers = headerEntries(stored.header);
        letters.push({
          info: parseDeadLetterHeaders(headers)!,
          headers,
          payload: new TextDecoder().decode(deadLetterPayload({ headers, payload: stored.data })),
          subject: stored.subject,
        });
      }
      return letters;
    },
    close: async () => {
      for (const connector of connectors) await connector.stop(200);
      await publisher.close();
      await nats.close();
    },
  };
};
