import { diag, type DiagLogger } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';

import { within } from '../process/within.ts';
import type { Log } from './log.ts';
import { resourceAttributes } from './resource.ts';
import { samplerFromEnv } from './sampler.ts';

export interface TelemetryOptions {
  readonly serviceName: string;
  /** Nothing is exported if neither is set; trace context still travels. */
  readonly otlpEndpoint: string | undefined;
  readonly env: Record<string, string | undefined>;
  readonly log: Log;
}

export interface Telemetry {
  /** Sends what is buffered, within `timeoutMs`; a collector that is down costs a warning, never a message. */
  shutdown(timeoutMs: number): Promise<void>;
}

/** One link per message of a batch: the SDK's default of 128 would silently drop the first ones. */
const spanLinkLimit = 10_000;

/**
 * Defaults that fit bursts: a batch of 500 traced messages ends some 3,000 spans at once, more than the SDK's queue of 2,048
 * holds. Scaled-to-zero processes end soon after their last message, so spans wait 1 s at most, not 5.
 */
const batchDefaults = {
  OTEL_BSP_SCHEDULE_DELAY: '1000',
  OTEL_BSP_MAX_QUEUE_SIZE: '16384',
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1024',
} as const;

/**
 * Starts the OpenTelemetry SDK: W3C propagation always, OTLP/HTTP export if an endpoint is set; without one no span is
 * ever made. `OTEL_*` variables (sampler, resource, batch processor) keep their meaning; the SDK's parts for logs and metrics
 * are not in the bundles (metrics: export-metrics.ts).
 */
export const startTelemetry = (options: TelemetryOptions): Telemetry => {
  const { env } = options;
  // The bundles hold no part of logs. Unless logs are off, the SDK would still build their provider and crash at the start.
  env['OTEL_LOGS_EXPORTER'] = 'none';
  for (const [name, value] of Object.entries(batchDefaults)) env[name] ||= value;
  diag.setLogger(diagToLog(options.log, Date.now));
  const exports =
    env['OTEL_TRACES_EXPORTER'] !== 'none' &&
    (options.otlpEndpoint !== undefined || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] !== undefined);
  const sdk = new NodeSDK({
    // Our own detector alone: the SDK's ask the machine for more than anybody reads.
    resourceDetectors: [{ detect: () => ({ attributes: resourceAttributes(options.serviceName, env) }) }],
    instrumentations: [],
    metricReaders: [],
    spanLimits: { linkCountLimit: spanLinkLimit },
    sampler: samplerFromEnv(env, (reason) => options.log.warn('telemetry', { reason })),
    ...(exports ? { traceExporter: new OTLPTraceExporter() } : { spanProcessors: [] }),
  });
  sdk.start();
  return {
    shutdown: async (timeoutMs) => {
      const flush = sdk.shutdown().catch((error: unknown) => {
        options.log.warn('telemetry', { reason: error instanceof Error ? error.message : String(error) });
      });
      await within(timeoutMs, flush, () => undefined);
    },
  };
};

/** The SDK's own troubles (exporter down, queue full) as log lines, each kind once a minute at most. */
const diagToLog = (log: Log, nowMs: () => number): DiagLogger => {
  const lastMs = new Map<string, number>();
  const warn = (message: string): void => {
    const kind = message.slice(0, 40);
    if (nowMs() - (lastMs.get(kind) ?? Number.NEGATIVE_INFINITY) < 60_000) return;
    if (lastMs.size > 100) lastMs.clear();
    lastMs.set(kind, nowMs());
    log.warn('telemetry', { reason: message.slice(0, 300) });
  };
  const quiet = (): void => {};
  return { error: warn, warn, info: quiet, debug: quiet, verbose: quiet };
};
