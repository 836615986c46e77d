import { connectNats, type NatsConnection } from '../../shared/nats/connect.ts';
import type { ConsumerLag } from '../../shared/nats/consumer-lag.ts';
import { createJetStreamPublisher } from '../../shared/nats/jetstream-publisher.ts';
import { publishCore } from '../../shared/nats/publish-core.ts';
import type { Publisher } from '../../shared/message/outgoing-message.ts';
import type { RequestServer } from '../../shared/nats/serve-requests.ts';
import { monitorSelector, type RouteConfig, type Routing } from '../../shared/routing/routing.ts';
import { errorFields, type Log } from '../../shared/telemetry/log.ts';
import { systemClock, type Clock } from './clock.ts';
import { createDeadLetters } from './dead-letters.ts';
import { createEndpoints } from './endpoints.ts';
import { failedStatus } from './failed-status.ts';
import type { HeldMessage } from './held-message.ts';
import { bridgeManage } from './manage-bridge.ts';
import { createMetrics, type ConnectorMetrics } from './metrics.ts';
import { createPipeline } from './pipeline.ts';
import type { Pipeline } from './pipeline-options.ts';
import { noTelemetry, type ConnectorTelemetry } from './telemetry.ts';

export interface ConnectorOptions {
  readonly routing: Routing;
  /** In place of every route's own `url`, where set. */
  readonly natsUrl?: string | undefined;
  readonly natsCreds?: string | undefined;
  readonly natsToken?: string | undefined;
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

/**
 * The JetStream connector: reads the routes that have triggers, calls their functions with batches, settles every message
 * by its outcome. It knows nothing of what the functions do.
 */
export const createConnector = (options: ConnectorOptions): Connector => {
  const { routing, log } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const telemetry = options.telemetry ?? noTelemetry;
  const metrics = options.metrics ?? createMetrics();
  const endpoints = createEndpoints(options);
  const headers: Record<string, string> =
    options.functionToken === undefined ? {} : { authorization: `Bearer ${options.functionToken}` };
  const lines = new Map<string, Promise<Line>>();
  const pipelines: Pipeline[] = [];
  const bridges: RequestServer[] = [];
  let stopping = false;

  const openLine = async (url: string): Promise<Line> => {
    const connection = await connectNats({
      url,
      name: options.name ?? 'state-sync-connector',
      creds: options.natsCreds,
      token: options.natsToken,
      waitOnFirstConnect: true,
      onStatus: (status, detail) => {
        log.warn(`nats_${status}`, { detail });
        if (status === 'connected') for (const pipeline of pipelines) pipeline.keepAlive();
      },
    });
    return { connection, publisher: createJetStreamPublisher(connection) };
  };

  const line = (route: RouteConfig): Promise<Line> => {
    const url = options.natsUrl ?? route.url;
    const known = lines.get(url);
    if (known !== undefined) return known;
    const opening = openLine(url);
    lines.set(url, opening);
    return opening;
  };

  const monitor = routing.routes.get(monitorSelector);

  /** Tells the ecosystem's monitor of a message that was given up; nothing depends on it. */
  const reportFailed = async (message: HeldMessage, reason: string): Promise<void> => {
    if (monitor === undefined) return;
    const payload = failedStatus(message.routeId, reason);
    try {
      const { connection, publisher } = await line(monitor);
      if (!monitor.jetstreamEnabled) return await publishCore(connection, [{ subject: monitor.subject, payload }]);
      const id = `failed/${message.id}`;
      const { name: stream, subject } = monitor;
      const [outcome] = await publisher.publish([{ stream, baseSubject: subject, subject, payload, id }]);
      if (outcome?.ok === false) throw outcome.error;
    } catch (error) {
      log.warn('monitor_status_failed', { id: message.id, ...errorFields(error) });
    }
  };

  const startRoute = async (selector: string): Promise<void> => {
    const route = routing.routes.get(selector);
    if (route === undefined) throw new Error(`a trigger names the selector ${selector}, which has no route`);
    const { connection, publisher } = await line(route);
    const shared = { connection, clock, random, log, metrics, telemetry };
    const config = routing.deadLetter;
    const deadLetters = createDeadLetters({ ...shared, publisher, config, isStopping: () => stopping });
    await deadLetters.ensure().catch((error: unknown) => log.error('dead_letter_stream', errorFields(error)));
    const triggers = routing.triggers.filter((trigger) => trigger.selector === selector);
    for (const consumption of consumptionsOf(route)) {
      const pipeline = createPipeline({
        ...shared,
        ...consumption,
        route,
        triggers,
        endpoints,
        headers,
        deadLetters,
        reportFailed: (message, reason) => void reportFailed(message, reason),
      });
      pipelines.push(pipeline);
      await pipeline.start();
    }
  };

  const startManage = async (): Promise<void> => {
    const [first] = routing.routes.values();
    if (options.manageTopic === undefined || first === undefined) return;
    const { connection } = await line(first);
    const { client, path } = endpoints.of(options.manageFunction ?? 'manage');
    bridges.push(
      bridgeManage({ connection, topic: options.manageTopic, client, path, headers, timeoutMs: 60_000, log }),
    );
  };

  return {
    start: async () => {
      const selectors = new Set(routing.triggers.map(({ selector }) => selector));
      // A route whose server is away holds up no other.
      await Promise.all([...[...selectors].map(startRoute), startManage()]);
    },
    isReady: () => !stopping && pipelines.length > 0 && pipelines.every(({ isConsuming }) => isConsuming),
    metrics: () => {
      metrics.set(
        'held_messages',
        pipelines.reduce((sum, pipeline) => sum + pipeline.heldMessages, 0),
      );
      return metrics.snapshot();
    },
    lags: async () => (await Promise.all(pipelines.map((pipeline) => pipeline.lags()))).flat(),
    stop: async (graceMs) => {
      stopping = true;
      await Promise.all(bridges.map((bridge) => bridge.close()));
      await Promise.all(pipelines.map((pipeline) => pipeline.stop(graceMs)));
      // A line to a server that is away never opens; it must not hold up the end.
      const pending = Promise.resolve(undefined);
      const open = await Promise.allSettled([...lines.values()].map((opening) => Promise.race([opening, pending])));
      for (const result of open) {
        if (result.status !== 'fulfilled' || result.value === undefined) continue;
        await result.value.publisher.close();
        await result.value.connection.close();
      }
      await endpoints.close();
    },
  };
};
