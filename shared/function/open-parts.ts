import { hostname } from 'node:os';

import type { FunctionRuntime } from './run-function.ts';
import type { Bus } from '../nats/bus.ts';
import type { DatabasePool } from '../postgres/database.ts';
import type { Routing } from '../routing/routing.ts';
import { type EvaluatorFactory, loadEvaluators } from '../state/evaluator.ts';
import { createFunctionMetrics, type FunctionMetrics } from '../telemetry/function-metrics.ts';
import { errorFields } from '../telemetry/log.ts';
import { startTelemetry } from '../telemetry/start-telemetry.ts';
import { createMetadata, type Metadata } from '../metadata/cached-metadata.ts';
import { functionDatabase, type FunctionDatabase } from './function-database.ts';
import { openBus, openRouting } from './open-servers.ts';
import { addPartMetrics } from './part-metrics.ts';
import { startPruning } from './prune-ledger.ts';

/** The rooms of one function process, opened once and shared by its requests. */
export interface Parts {
  readonly runtime: FunctionRuntime;
  readonly routing: Routing;
  readonly pool: DatabasePool;
  readonly database: FunctionDatabase;
  readonly bus: Bus;
  readonly metadata: Metadata;
  readonly metrics: FunctionMetrics;
  /** Prometheus text for `/metrics`. */
  metricsText(): Promise<string>;
  /** The expression interpreter, loaded when a first callable column is met. */
  evaluators(): Promise<EvaluatorFactory>;
  close(): Promise<void>;
}

/** A replica hears what is said to all from here on, or from its first forward; a first message does not wait for that. */
const listenAfterMs = 1_000;

/** How long buffered spans may take to leave at the end of a process. */
const flushMs = 3_000;

/**
 * Opens what a message function works with. Nothing here waits for a server: the pool connects meanwhile, the bus at its first
 * message or in the background.
 * @param pool is the parts' own from here on: it ends with them
 * @throws RoutingError with every fault of the routing file
 */
export const openParts = async (runtime: FunctionRuntime, pool: DatabasePool): Promise<Parts> => {
  const { config, log, env, name, nowMs, monotonicMs } = runtime;
  const telemetry = startTelemetry({ serviceName: name, otlpEndpoint: config.otlpEndpoint, env, log });
  const routing = await openRouting(config).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  for (const reason of routing.warnings) log.warn('routing_file', { reason });
  const metadata = openMetadata(runtime, pool);
  const onError = (error: unknown): void => log.warn('nats', errorFields(error));
  const bus = openBus(config, routing, {
    name,
    onConnection: async (connection) => {
      const { answerAsReplica, replicaSubject } = await import('../nats/replica-channel.ts');
      const subject = replicaSubject(config.manageTopic);
      const answer = answerReplicaRequest(name, metadata, metrics);
      answerAsReplica(connection, { subject, token: config.functionToken, answer, onError });
      // What was read before it could hear that it had changed is read again.
      metadata.invalidate({});
    },
    onError,
  });
  const listening = setTimeout(bus.warm, listenAfterMs).unref();
  const metrics = createFunctionMetrics(name);
  const more = addPartMetrics({ name, metrics, metadata, pool, env, log, nowMs, monotonicMs });
  const stopPruning = startPruning({ pool, retentionHours: config.ledgerRetentionHours, log });
  let evaluators: Promise<EvaluatorFactory> | undefined;
  return {
    runtime,
    routing,
    pool,
    database: functionDatabase(pool),
    bus,
    metadata,
    metrics,
    metricsText: more.text,
    evaluators: () => (evaluators ??= loadEvaluators(monotonicMs)),
    close: async () => {
      clearTimeout(listening);
      await stopPruning();
      const pushed = more.pushed?.shutdown(flushMs);
      await Promise.allSettled([bus.close(), pool.end(), pushed]);
      await telemetry.shutdown(flushMs);
    },
  };
};

const openMetadata = ({ config, log, monotonicMs }: FunctionRuntime, pool: DatabasePool): Metadata => {
  return createMetadata({
    pool,
    ttlMs: config.cacheTtlSeconds * 1_000,
    maxEntries: config.cacheMaxEntries,
    keyOrder: config.keyOrder,
    nowMs: monotonicMs,
    onRefreshError: (error) => log.warn('cache_refresh_failed', errorFields(error)),
  });
};

/** Requests to every replica: forget what is cached, or say how the caches and the outcomes do. */
const answerReplicaRequest =
  (functionName: string, metadata: Metadata, metrics: FunctionMetrics) =>
  (request: unknown): unknown => {
    const { command, state_id, route_id } = (request ?? {}) as Record<string, unknown>;
    if (command === 'cache.invalidate') {
      metadata.invalidate({
        ...(typeof state_id === 'string' ? { stateId: state_id } : {}),
        ...(typeof route_id === 'string' ? { routeId: route_id } : {}),
      });
      return { function: functionName, invalidated: true };
    }
    const replica = `${hostname()}/${process.pid}`;
    if (command === 'cache.stats') return { function: functionName, replica, caches: metadata.stats() };
    if (command === 'metrics') return { function: functionName, replica, text: metrics.text() };
    return { function: functionName, error: 'unknown command' };
  };
