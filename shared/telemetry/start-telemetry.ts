import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';

import { within } from '../process/within.ts';
import type { Log } from './log.ts';
import { readOtelEnvironment } from './otel-environment.ts';
import { resourceAttributes } from './resource.ts';
import { samplerFromEnv } from './sampler.ts';

export interface TelemetryOptions {
  readonly serviceName: string;
  /** From a secret file, where the environment has none; nothing is exported without an endpoint, context still travels. */
  readonly otlpEndpoint: string | undefined;
  readonly env: Record<string, string | undefined>;
  readonly log: Log;
}

export interface Telemetry {
  /** Whether any span is ever made. */
  readonly isTracing: boolean;
  /** Sends what is buffered, within `timeoutMs`; a collector that is down costs a warning, never a message. */
  shutdown(timeoutMs: number): Promise<void>;
}

/**
 * Starts the OpenTelemetry SDK: context travels always, spans are exported if an endpoint is set; without one no span is ever
 * made. The SDK reads its variables itself, so `env` is left with those that count (otel-environment.ts); all others are
 * named in one warning. The SDK's parts for logs and metrics are not in the bundles (metrics: export-metrics.ts).
 */
export const startTelemetry = (options: TelemetryOptions): Telemetry => {
  const { env, log } = options;
  if (options.otlpEndpoint !== undefined) env['OTEL_EXPORTER_OTLP_ENDPOINT'] ||= options.otlpEndpoint;
  const read = readOtelEnvironment(env);
  if (read.warnings.length > 0) log.warn('telemetry', { reason: read.warnings.join('; ') });
  diag.setLogger(diagToLog(log, Date.now), { logLevel: diagLevelOf(read.values['OTEL_LOG_LEVEL']) });
  useOnly(env, read.values);
  const sdk = new NodeSDK({
    // Our own detector alone: the SDK's ask the machine for more than anybody reads.
    resourceDetectors: [{ detect: () => ({ attributes: resourceAttributes(options.serviceName, env) }) }],
    instrumentations: [],
    metricReaders: [],
    ...(read.values['OTEL_SPAN_LINK_COUNT_LIMIT'] === undefined
      ? { spanLimits: { linkCountLimit: spanLinkLimit } }
      : {}),
    sampler: samplerFromEnv(env, (reason) => log.warn('telemetry', { reason })),
    ...(read.tracesUrl === undefined ? { spanProcessors: [] } : { traceExporter: new OTLPTraceExporter() }),
  });
  sdk.start();
  // Whoever asks later is to know it; the SDK would have left out propagation too.
  if (read.isDisabled) env['OTEL_SDK_DISABLED'] = 'true';
  return {
    isTracing: read.tracesUrl !== undefined,
    shutdown: async (timeoutMs) => {
      const flush = sdk.shutdown().catch((error: unknown) => {
        log.warn('telemetry', { reason: error instanceof Error ? error.message : String(error) });
      });
      await within(timeoutMs, flush, () => undefined);
    },
  };
};

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

/** Leaves the SDK the variables that count, and the defaults of our own. */
const useOnly = (env: Record<string, string | undefined>, values: Readonly<Record<string, string>>): void => {
  for (const name of Object.keys(env)) {
    if (name.startsWith('OTEL_') && !Object.hasOwn(values, name)) delete env[name];
  }
  Object.assign(env, values);
  for (const [name, value] of Object.entries(batchDefaults)) env[name] ??= value;
  const queue = Number(env['OTEL_BSP_MAX_QUEUE_SIZE']);
  if (Number(env['OTEL_BSP_MAX_EXPORT_BATCH_SIZE']) > queue) env['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'] = String(queue);
  // The bundles hold no part of logs. Unless logs are off, the SDK would still build their provider and crash at the start.
  env['OTEL_LOGS_EXPORTER'] = 'none';
  // With these the SDK would write to the console, and set no propagator.
  delete env['OTEL_LOG_LEVEL'];
  delete env['OTEL_SDK_DISABLED'];
};

const diagLevels: Readonly<Record<string, DiagLogLevel>> = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
};
const diagLevelOf = (level: string | undefined): DiagLogLevel => diagLevels[level ?? 'warn'] ?? DiagLogLevel.WARN;

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
  const say = (message: string): void => log.info('telemetry', { reason: message.slice(0, 300) });
  const whisper = (message: string): void => log.debug('telemetry', { reason: message.slice(0, 300) });
  return { error: warn, warn, info: say, debug: whisper, verbose: whisper };
};
