import { hostname } from 'node:os';
import { settingSource } from '../../shared/config/function-config.ts';
import { ConfigError } from '../../shared/config/settings.ts';
import { startHttpServer, type HttpServer } from '../../shared/http/http-server.ts';
import { readRouting } from '../../shared/config/read-routing.ts';
import { stopOnSignals } from '../../shared/process/stop-on-signals.ts';
import { RoutingError } from '../../shared/routing/routing-error.ts';
import { createLog, errorFields, type Log } from '../../shared/telemetry/log.ts';
import { startMetricsExport } from '../../shared/telemetry/export-metrics.ts';
import { prometheusText, type MetricFamily } from '../../shared/telemetry/metric-family.ts';
import { startTelemetry } from '../../shared/telemetry/start-telemetry.ts';
import { readConnectorConfig } from './connector-config.ts';
import { createConnector, type Connector } from './create-connector.ts';
import { noTelemetry } from './telemetry/connector-telemetry.ts';
import { connectorFamilies } from './telemetry/metric-families.ts';
import { createSpanTelemetry } from './telemetry/span-telemetry.ts';

const service = 'connector';
/** How long buffered spans may take to leave at the end. */
const flushMs = 3_000;
/** For the end of connections and the last spans, once what was under way has had its time. */
const closeMs = 8_000;

/** Runs the connector until SIGTERM or SIGINT; what is under way is then finished and the rest handed back. */
const run = async (): Promise<void> => {
  const warnings: string[] = [];
  const config = readConnectorConfig(settingSource(process.env, (warning) => warnings.push(warning)));
  const log = createLog({
    service,
    level: config.logLevel,
    write: (line) => process.stderr.write(line),
    nowMs: Date.now,
  });
  const telemetry = startTelemetry({ serviceName: service, otlpEndpoint: config.otlpEndpoint, env: process.env, log });
  const routing = await readRouting(config.routingFile, { hasServer: config.nats.url !== undefined });
  for (const reason of warnings) log.warn('configuration', { reason });
  for (const reason of routing.warnings) log.warn('routing_file', { reason });
  const connector = createConnector({
    ...config,
    hostName: hostname(),
    routing,
    log,
    // Where no span is ever made, nothing is kept of each message for one.
    telemetry: telemetry.isTracing ? createSpanTelemetry() : noTelemetry,
  });
  const families = async () => connectorFamilies(connector.metrics(), await connector.lags());
  const pushed = startMetricsExport({ serviceName: service, env: process.env, families, log, nowMs: Date.now });
  const server = await startServer(config, connector, families, log);
  stopOnSignals({
    limitMs: config.drainMs + closeMs,
    stop: async (signal) => {
      log.info('stopping', { signal });
      await connector.stop(config.drainMs);
      await server.close(1_000);
      await Promise.all([telemetry.shutdown(flushMs), pushed?.shutdown(flushMs)]);
    },
    // A server that does not answer must not keep a connector that reads no more.
    onUnfinished: (afterMs) => log.warn('stop_unfinished', { afterMs }),
    onFailed: (error) => log.error('stop_failed', errorFields(error)),
  });
  await connector.start();
  log.info('started', { port: server.port });
};

/** Health and metrics. */
const startServer = (
  { port, host }: { readonly port: number; readonly host: string },
  connector: Connector,
  families: () => Promise<readonly MetricFamily[]>,
  log: Log,
): Promise<HttpServer> =>
  startHttpServer({
    port,
    host,
    maxBodyBytes: 1_024,
    requestTimeoutMs: 10_000,
    isReady: () => connector.isReady(),
    onError: (error) => log.error('http', errorFields(error)),
    handle: async (request) =>
      request.path === '/metrics'
        ? {
            status: 200,
            headers: { 'content-type': 'text/plain; version=0.0.4' },
            body: prometheusText(await families()),
          }
        : { status: 404, body: 'not found' },
  });

run().catch((error: unknown) => {
  const log = createLog({ service, level: 'INFO', write: (line) => process.stderr.write(line), nowMs: Date.now });
  const faults = error instanceof ConfigError || error instanceof RoutingError ? error.faults : [];
  log.error('cannot_start', { ...errorFields(error), faults: faults.join('; ') });
  process.exit(1);
});
