import type { NatsSettings } from '../../shared/config/nats-settings.ts';
import { connectNats, type NatsConnection } from '../../shared/nats/connect.ts';
import type { ConsumerLag } from '../../shared/nats/consumer-lag.ts';
import { createJetStreamPublisher } from '../../shared/nats/jetstream-publisher.ts';
import type { Publisher } from '../../shared/message/outgoing-message.ts';
import { answerAsReplica, connectorSubject } from '../../shared/nats/replica-channel.ts';
import type { RequestServer } from '../../shared/nats/serve-requests.ts';
import { monitorSelector, type RouteConfig, type Routing } from '../../shared/routing/routing.ts';
import { errorFields, type Log } from '../../shared/telemetry/log.ts';
import { systemClock, type Clock } from './clock.ts';
import { createPipeline, type Pipeline } from './create-pipeline.ts';
import { createEndpoints, type Endpoints } from './dispatch/endpoints.ts';
import { bridgeManage } from './manage-bridge.ts';
import { createDeadLetters } from './settle/dead-letters.ts';
import { reportFailed } from './settle/report-failed.ts';
import { noTelemetry, type ConnectorTelemetry } from './telemetry/connector-telemetry.ts';
import { createMetrics, type ConnectorMetrics } from './telemetry/metrics.ts';
import { watchDeliveries, type DeliveryWatch } from './telemetry/watch-deliveries.ts';

export interface ConnectorOptions {
  readonly routing: Routing;
  /** In place of every route's own `url`, where set. */
  readonly natsUrl?: string | undefined;
  /** Credentials, TLS, JetStream's prefix, and a URL that goes before `natsUrl`. */
  readonly nats?: NatsSettings | undefined;
  readonly gatewayUrl: string;
  /** One host for each function, in place of the gateway: a URL with `{name}`. */
  readonly functionUrlTemplate?: string | undefined;
  /** Sent as `Authorization: Bearer`. */
  readonly functionToken?: string | undefined;
  /** Core NATS subject of management commands; none is served where absent. */
  readonly manageTopic?: string | undefined;
  readonly manageFunction?: string;
  /** Shown in the server's monitoring. */
  readonly name?: string;
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly telemetry?: ConnectorTelemetry;
  readonly metrics?: ConnectorMetrics;
}

export interface Connector {
  /** Connects (waiting for the server for ever) and begins to consume. */
  start(): Promise<void>;
  /** Whether every consumer is being read. */
  isReady(): boolean;
  metrics(): Readonly<Record<string, number>>;
  /** How far each consumer is behind, asked of the server; without those that it does not answer for. */
  lags(): Promise<readonly ConsumerLag[]>;
  /** Ends what is under way within the time, hands back the rest, closes the connections. */
  stop(graceMs: number): Promise<void>;
}

interface Line {
  readonly connection: NatsConnection;
  readonly publisher: Publisher;
}

interface State extends ConnectorOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly telemetry: ConnectorTelemetry;
  readonly watch: DeliveryWatch;
  readonly metrics: ConnectorMetrics;
  readonly endpoints: Endpoints;
  /** Sent with every request to a function. */
  readonly headers: Readonly<Record<string, string>>;
  /** One for each server, by URL. */
  readonly lines: Map<string, Promise<Line>>;
  readonly pipelines: Pipeline[];
  readonly bridges: RequestServer[];
  stopping: boolean;
  /** Ends the wait for a server that was never there. */
  readonly ending: AbortController;
}

/**
 * The JetStream connector: reads the routes that have triggers, calls their functions with batches, settles every message
 * by its outcome. It knows nothing of what the functions do. infra/connector/README.md says what it promises.
 */
export const createConnector = (options: ConnectorOptions): Connector => {
  const clock = options.clock ?? systemClock;
  const watch = watchDeliveries(options.telemetry ?? noTelemetry, () => clock.epochMs());
  const state: State = {
    ...options,
    clock,
    watch,
    random: options.random ?? Math.random,
    telemetry: watch.telemetry,
    metrics: options.metrics ?? createMetrics(),
    endpoints: createEndpoints(options),
    headers: options.functionToken === undefined ? {} : { authorization: `Bearer ${options.functionToken}` },
    lines: new Map(),
    pipelines: [],
    bridges: [],
    stopping: false,
    ending: new AbortController(),
  };
  const { pipelines, metrics } = state;
  return {
    start: async () => {
      const selectors = new Set(options.routing.triggers.map(({ selector }) => selector));
      // A route whose server is away holds up no other.
      const starting = [...[...selectors].map((selector) => startRoute(state, selector)), startManage(state)];
      await Promise.all(starting).catch((error: unknown) => {
        if (!state.stopping) throw error;
      });
    },
    isReady: () => !state.stopping && pipelines.length > 0 && pipelines.every(({ isConsuming }) => isConsuming),
    metrics: () => {
      metrics.set(
        'held_messages',
        pipelines.reduce((sum, pipeline) => sum + pipeline.heldMessages, 0),
      );
      return metrics.snapshot();
    },
    lags: async () => (await Promise.all(pipelines.map((pipeline) => pipeline.lags()))).flat(),
    stop: (graceMs) => stop(state, graceMs),
  };
};

const defaultName = 'state-sync-connector';

const lineOf = (state: State, route: RouteConfig): Promise<Line> => {
  const url = state.nats?.url ?? state.natsUrl ?? route.url;
  const known = state.lines.get(url);
  if (known !== undefined) return known;
  const opening = openLine(state, url);
  state.lines.set(url, opening);
  return opening;
};

const openLine = async (state: State, url: string): Promise<Line> => {
  const connection = await connectNats({
    url,
    name: state.name ?? defaultName,
    settings: state.nats,
    streams: state.routing.streams,
    waitOnFirstConnect: true,
    signal: state.ending.signal,
    onStatus: (status, detail) => {
      state.log.warn(`nats_${status}`, { detail });
      if (status === 'connected') for (const pipeline of state.pipelines) pipeline.keepAlive();
    },
  });
  return { connection, publisher: createJetStreamPublisher(connection) };
};

const startRoute = async (state: State, selector: string): Promise<void> => {
  const { routing, clock, random, log, metrics, telemetry } = state;
  const route = routing.routes.get(selector);
  if (route === undefined) throw new Error(`a trigger names the selector ${selector}, which has no route`);
  const { connection, publisher } = await lineOf(state, route);
  const shared = { connection, clock, random, log, metrics, telemetry };
  const config = routing.deadLetter;
  const deadLetters = createDeadLetters({ ...shared, publisher, config, isStopping: () => state.stopping });
  await deadLetters.ensure().catch((error: unknown) => log.error('dead_letter_stream', errorFields(error)));
  const triggers = routing.triggers.filter((trigger) => trigger.selector === selector);
  const monitor = routing.routes.get(monitorSelector);
  for (const consumption of consumptionsOf(route)) {
    const pipeline = createPipeline({
      ...shared,
      ...consumption,
      route,
      triggers,
      endpoints: state.endpoints,
      headers: state.headers,
      token: state.functionToken,
      deadLetters,
      reportFailed: (message, reason) => {
        if (monitor !== undefined) void reportFailed(monitor, lineOf(state, monitor), log, message, reason);
      },
    });
    state.pipelines.push(pipeline);
    await pipeline.start();
  }
};

interface Consumption {
  readonly durable: string;
  readonly filterSubjects: readonly string[];
}

/** The durables of a route and what each receives (reference.md A.4). */
const consumptionsOf = (route: RouteConfig): readonly Consumption[] => {
  const { name, subject } = route;
  if (!route.concurrentEnabled || !route.concurrentPriorityEnabled) {
    return [{ durable: `${name}_sub_1`, filterSubjects: [subject, `${subject}.>`] }];
  }
  return [
    { durable: `${name}_high_1`, filterSubjects: [`${subject}.high`, `${subject}.high.>`] },
    { durable: `${name}_low_1`, filterSubjects: [subject, `${subject}.low`, `${subject}.low.>`] },
  ];
};

const startManage = async (state: State): Promise<void> => {
  const { manageTopic: topic, functionToken: token, headers, log, endpoints } = state;
  const first = [...state.routing.routes.values()].find(({ url }) => state.nats?.url !== undefined || url !== '');
  if (topic === undefined || first === undefined) return;
  const { connection } = await lineOf(state, first);
  answerAsReplica(connection, {
    subject: connectorSubject(topic),
    token,
    answer: () => state.watch.report(state.name ?? defaultName),
    onError: (error) => log.warn('report_failed', errorFields(error)),
  });
  // Without a token whoever may publish could command everything.
  if (token === undefined) {
    return log.warn('manage_bridge_off', { reason: 'FUNCTION_TOKEN is not set: no commands over NATS' });
  }
  const { client, path } = endpoints.of(state.manageFunction ?? 'manage');
  state.bridges.push(bridgeManage({ connection, topic, client, path, headers, token, timeoutMs: 60_000, log }));
};

const stop = async (state: State, graceMs: number): Promise<void> => {
  state.stopping = true;
  state.ending.abort();
  await Promise.all(state.bridges.map((bridge) => bridge.close()));
  await Promise.all(state.pipelines.map((pipeline) => pipeline.stop(graceMs)));
  // A line to a server that is away never opens; it must not hold up the end.
  const pending = Promise.resolve(undefined);
  const open = await Promise.allSettled([...state.lines.values()].map((opening) => Promise.race([opening, pending])));
  for (const result of open) {
    if (result.status !== 'fulfilled' || result.value === undefined) continue;
    await result.value.publisher.close();
    await result.value.connection.close();
  }
  await state.endpoints.close();
};
