import type { Pause } from '../../shared/message/pause.ts';
import type { NatsSettings } from '../../shared/config/nats-settings.ts';
import type { ConnectorReport, ConnectorRequest, LeaseReport } from '../../shared/message/connector-report.ts';
import type { ConsumerLag } from '../../shared/nats/consumer-lag.ts';
import { answerAsReplica, connectorSubject } from '../../shared/nats/replica-channel.ts';
import type { RequestServer } from '../../shared/nats/serve-requests.ts';
import { consumptionsOf } from '../../shared/routing/consumptions.ts';
import { monitorSelector, type RouteConfig, type Routing } from '../../shared/routing/routing.ts';
import { errorFields, type Log } from '../../shared/telemetry/log.ts';
import { systemClock, type Clock } from './clock.ts';
import { createPipeline, type Pipeline } from './create-pipeline.ts';
import { createEndpoints, type Endpoints } from './dispatch/endpoints.ts';
import { askManage, type AskManageOptions } from './ask-manage.ts';
import { createLeasedPipeline, type LeasedPipeline } from './lease/leased-pipeline.ts';
import { unlimitedTenure, type Tenure } from './lease/tenure.ts';
import { bridgeManage } from './manage-bridge.ts';
import { keepPauses, type PauseKeeper } from './keep-pauses.ts';
import { renewPauses, type PauseRenewer } from './renew-pauses.ts';
import { createServerLines, type ServerLine, type ServerLines } from './server-lines.ts';
import { createDeadLetters } from './settle/dead-letters.ts';
import { reportFailed } from './settle/report-failed.ts';
import { noTelemetry, type ConnectorTelemetry } from './telemetry/connector-telemetry.ts';
import { recordHistory, type DeliveryHistory } from './telemetry/delivery-history.ts';
import { keepHistory, type HistoryKeeper } from './telemetry/keep-history.ts';
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
  /** Tells it from other connectors, for people: the host's name. */
  readonly hostName?: string;
  /** How long a connector that says nothing is waited for until another one reads in its place (milliseconds). */
  readonly leaseMs?: number;
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly telemetry?: ConnectorTelemetry;
  readonly metrics?: ConnectorMetrics;
}

export interface Connector {
  /** Connects (waiting for the server for ever) and begins to consume. */
  start(): Promise<void>;
  /** Whether every consumer is being read, by this connector or by another one. */
  isReady(): boolean;
  metrics(): Readonly<Record<string, number>>;
  /** How far each consumer is behind, asked of the server; without those that it does not answer for. */
  lags(): Promise<readonly ConsumerLag[]>;
  /** Ends what is under way within the time, hands back the rest, closes the connections. */
  stop(graceMs: number): Promise<void>;
}

/** One durable, read in turns or, without leases, by this connector alone. */
type Reader = Pick<
  LeasedPipeline,
  'start' | 'isReady' | 'heldMessages' | 'lags' | 'keepAlive' | 'setPauses' | 'stop'
> & {
  readonly report: () => LeaseReport | undefined;
};

interface State extends ConnectorOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly telemetry: ConnectorTelemetry;
  readonly watch: DeliveryWatch;
  readonly history: DeliveryHistory;
  /** Tells this run's minutes from those of another one. */
  readonly historySource: string;
  readonly metrics: ConnectorMetrics;
  readonly endpoints: Endpoints;
  /** Sent with every request to a function. */
  readonly headers: Readonly<Record<string, string>>;
  /** One for each server, by URL. */
  readonly lines: ServerLines;
  readonly readers: Reader[];
  /** Its name among connectors: no other process ever had it. */
  readonly own: string;
  readonly leaseMs: number;
  readonly bridges: RequestServer[];
  historyKeeper: HistoryKeeper | undefined;
  pauseRenewer: PauseRenewer | undefined;
  /** What operators have paused: kept on the first server, and nothing of that server is read before it is known. */
  readonly pausing: { pauses: readonly Pause[]; known: Promise<void>; keeper: PauseKeeper | undefined };
  stopping: boolean;
}

/**
 * The JetStream connector: reads the routes that have triggers, calls their functions with batches, settles every message
 * by its outcome. It knows nothing of what the functions do. infra/connector/README.md says what it promises.
 */
export const createConnector = (options: ConnectorOptions): Connector => {
  const clock = options.clock ?? systemClock;
  const watch = watchDeliveries(options.telemetry ?? noTelemetry, () => clock.epochMs());
  const history = recordHistory(watch.telemetry, () => clock.epochMs());
  const random = options.random ?? Math.random;
  const endpoints = createEndpoints(options);
  const own = ownName(options);
  const leaseMs = options.leaseMs ?? defaultLeaseMs;
  const readers: Reader[] = [];
  const state: State = {
    ...options,
    clock,
    watch,
    history,
    historySource: `${options.name ?? defaultName}/${clock.epochMs()}/${Math.floor(random() * 2 ** 32).toString(36)}`,
    random,
    telemetry: history.telemetry,
    metrics: options.metrics ?? createMetrics(),
    endpoints,
    lines: createServerLines({
      nats: options.nats,
      name: options.name ?? defaultName,
      streams: options.routing.streams,
      own,
      leaseMs,
      isReached: endpoints.isReached,
      onConnected: () => {
        for (const reader of readers) reader.keepAlive();
      },
      clock,
      log: options.log,
    }),
    leaseMs,
    headers: options.functionToken === undefined ? {} : { authorization: `Bearer ${options.functionToken}` },
    readers,
    own,
    bridges: [],
    historyKeeper: undefined,
    pauseRenewer: undefined,
    pausing: { pauses: [], known: Promise.resolve(), keeper: undefined },
    stopping: false,
  };
  const { metrics } = state;
  return {
    start: async () => {
      const selectors = new Set(options.routing.triggers.map(({ selector }) => selector));
      state.pausing.known = startPauses(state);
      // A route whose server is away holds up no other.
      const starting = [
        state.pausing.known,
        ...[...selectors].map((selector) => startRoute(state, selector)),
        startManage(state),
      ];
      await Promise.all(starting).catch((error: unknown) => {
        if (!state.stopping) throw error;
      });
    },
    isReady: () => !state.stopping && readers.length > 0 && readers.every(({ isReady }) => isReady),
    metrics: () => {
      metrics.set(
        'held_messages',
        readers.reduce((sum, reader) => sum + reader.heldMessages, 0),
      );
      return metrics.snapshot();
    },
    lags: async () => (await Promise.all(readers.map((reader) => reader.lags()))).flat(),
    stop: (graceMs) => stop(state, graceMs),
  };
};

const defaultName = 'state-sync-connector';
const defaultLeaseMs = 3_000;

/** A process that starts again is another one: what it held before is not in its hands. */
const ownName = ({ hostName, name, random = Math.random }: ConnectorOptions): string => {
  const place = (hostName ?? name ?? defaultName).replaceAll(/[^-\w]/g, '-').slice(0, 60);
  const unique = Math.floor(random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
  return `${place}-${unique}`;
};

const lineOf = (state: State, route: RouteConfig): Promise<ServerLine> => state.lines.of(urlOf(state, route));

const urlOf = ({ nats, natsUrl }: State, route: RouteConfig): string => nats?.url ?? natsUrl ?? route.url;

const startRoute = async (state: State, selector: string): Promise<void> => {
  const { routing, clock, random, log, metrics, telemetry } = state;
  const route = routing.routes.get(selector);
  if (route === undefined) throw new Error(`a trigger names the selector ${selector}, which has no route`);
  const { connection, publisher, leases: opening } = await lineOf(state, route);
  // A route of another server waits for no server but its own.
  if (isFirstLine(state, route)) await state.pausing.known;
  const shared = { connection, clock, random, log, metrics, telemetry };
  const config = routing.deadLetter;
  const deadLetters = createDeadLetters({ ...shared, publisher, config, isStopping: () => state.stopping });
  await deadLetters.ensure().catch((error: unknown) => log.error('dead_letter_stream', errorFields(error)));
  const triggers = routing.triggers.filter((trigger) => trigger.selector === selector);
  const monitor = routing.routes.get(monitorSelector);
  const leases = await opening;
  const own = consumptionsOf(route).map((consumption) => {
    const makeWork = (tenure: Tenure): Pipeline => {
      const pipeline = createPipeline({
        ...shared,
        ...consumption,
        route,
        triggers,
        endpoints: state.endpoints,
        headers: state.headers,
        token: state.functionToken,
        deadLetters,
        tenure,
        reportFailed: (message, reason) => {
          if (monitor !== undefined) void reportFailed(monitor, lineOf(state, monitor), log, message, reason);
        },
      });
      pipeline.setPauses(state.pausing.pauses);
      return pipeline;
    };
    const { durable } = consumption;
    if (leases === undefined) return aloneReader(makeWork(unlimitedTenure));
    const ttlMs = state.leaseMs;
    return createLeasedPipeline({ ...leases, durable, own: state.own, ttlMs, makeWork, clock, log });
  });
  if (state.stopping) return;
  state.readers.push(...own);
  await Promise.all(own.map((reader) => reader.start()));
};

const aloneReader = (pipeline: Pipeline): Reader => ({
  start: pipeline.start,
  get isReady() {
    return pipeline.isConsuming;
  },
  get heldMessages() {
    return pipeline.heldMessages;
  },
  lags: pipeline.lags,
  keepAlive: pipeline.keepAlive,
  report: () => undefined,
  setPauses: pipeline.setPauses,
  stop: pipeline.stop,
});

const firstRoute = (state: State): RouteConfig | undefined =>
  [...state.routing.routes.values()].find(({ url }) => state.nats?.url !== undefined || url !== '');

const isFirstLine = (state: State, route: RouteConfig): boolean => {
  const first = firstRoute(state);
  return first !== undefined && lineOf(state, first) === lineOf(state, route);
};

const startPauses = async (state: State): Promise<void> => {
  const { clock, log, pausing, readers } = state;
  const first = firstRoute(state);
  if (first === undefined) return;
  const { connection } = await lineOf(state, first);
  pausing.keeper = keepPauses({
    connection,
    clock,
    log,
    onPauses: (pauses) => {
      pausing.pauses = pauses;
      for (const reader of readers) reader.setPauses(pauses);
    },
  });
  await pausing.keeper.known;
};

const startManage = async (state: State): Promise<void> => {
  const { manageTopic: topic, functionToken: token, headers, log, endpoints } = state;
  const first = firstRoute(state);
  if (topic === undefined || first === undefined) return;
  const { connection } = await lineOf(state, first);
  answerAsReplica(connection, {
    subject: connectorSubject(topic),
    token,
    answer: (request) => reportOf(state, request),
    onError: (error) => log.warn('report_failed', errorFields(error)),
  });
  // Without a token whoever may publish could command everything.
  if (token === undefined) {
    return log.warn('manage_bridge_off', { reason: 'FUNCTION_TOKEN is not set: no commands over NATS' });
  }
  const { client, path } = endpoints.of(state.manageFunction ?? 'manage');
  const ask = (command: AskManageOptions['command'], event: string): Promise<boolean> =>
    askManage(client, { command, path, headers, onError: (error) => log.warn(event, errorFields(error)) });
  state.bridges.push(bridgeManage({ connection, topic, client, path, headers, token, timeoutMs: 60_000, log }));
  state.historyKeeper = keepHistory({
    history: state.history,
    clock: state.clock,
    readWaiting: async () => {
      const lags = await Promise.all(state.readers.map((reader) => reader.lags()));
      return lags.flat().reduce((sum, { messages }) => sum + messages, 0);
    },
    send: () => ask('history.record', 'history_failed'),
  });
  state.pauseRenewer = renewPauses({
    clock: state.clock,
    pauses: () => state.pausing.pauses,
    ask: () => ask('pauses.renew', 'pauses_not_renewed'),
  });
};

/** What is asked for beside the state of functions and durables is a member of the request. */
const reportOf = (state: State, request: unknown): ConnectorReport => {
  const { watch, history, historySource: source, name, readers } = state;
  const { history_from: fromMs, flows } = (request ?? {}) as ConnectorRequest;
  return {
    ...watch.report(name ?? defaultName),
    leases: readers.flatMap((reader) => reader.report() ?? []),
    ...(typeof fromMs === 'number' ? { history: { source, minutes: history.minutes(fromMs) } } : {}),
    ...(flows === true ? { flows: history.flows() } : {}),
  };
};

const stop = async (state: State, graceMs: number): Promise<void> => {
  state.stopping = true;
  state.lines.end();
  state.pausing.keeper?.stop();
  state.pauseRenewer?.stop();
  await Promise.all(state.bridges.map((bridge) => bridge.close()));
  // Said before the first lease is given up: who stands by takes it at once only if it is not our share any more.
  const leaving = state.lines.leave();
  await Promise.all(state.readers.map((reader) => reader.stop(graceMs)));
  await state.historyKeeper?.end();
  await leaving;
  await state.lines.close();
  await state.endpoints.close();
};
