import type { Log } from './log.ts';
import type { MetricFamily } from './metric-family.ts';
import { readPairs, resourceAttributes } from './resource.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface MetricsExportOptions {
  readonly serviceName: string;
  readonly env: Environment;
  readonly families: () => readonly MetricFamily[] | Promise<readonly MetricFamily[]>;
  readonly log: Log;
  readonly nowMs: () => number;
}

export interface MetricsExport {
  /** Sends the last values, within the time. */
  shutdown(timeoutMs: number): Promise<void>;
}

/**
 * Where metrics go, or undefined. They are pushed only on demand (`OTEL_METRICS_EXPORTER=otlp`, or an endpoint for metrics
 * alone), because Jaeger, the usual endpoint, takes traces only.
 */
export const metricsEndpoint = (env: Environment): string | undefined => {
  const own = env['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'] || undefined;
  const shared = env['OTEL_EXPORTER_OTLP_ENDPOINT'] || undefined;
  const exporter = env['OTEL_METRICS_EXPORTER'] || (own === undefined ? 'none' : 'otlp');
  if (exporter !== 'otlp') return undefined;
  return own ?? (shared === undefined ? undefined : `${shared.replace(/\/+$/, '')}/v1/metrics`);
};

/**
 * Pushes the metrics of this process as OTLP over HTTP in JSON, every `OTEL_METRIC_EXPORT_INTERVAL` (60,000 ms) and once at
 * the end. A few lines instead of the SDK's metrics, which would add to the cold start what they add to the bundle. A
 * collector that is down costs one warning, until it is back. Undefined if no metrics are wanted.
 */
export const startMetricsExport = (options: MetricsExportOptions): MetricsExport | undefined => {
  const { env, log, nowMs } = options;
  const endpoint = metricsEndpoint(env);
  if (endpoint === undefined) return undefined;
  if (!URL.canParse(endpoint)) {
    log.warn('telemetry', { reason: 'the endpoint for metrics is no URL: none are sent' });
    return undefined;
  }
  const url = new URL(endpoint);
  const headers = readPairs(env['OTEL_EXPORTER_OTLP_METRICS_HEADERS'] || env['OTEL_EXPORTER_OTLP_HEADERS']);
  const exportTimeoutMs = millisecondsOf(env['OTEL_METRIC_EXPORT_TIMEOUT'], 10_000);
  const startMs = nowMs();
  let isFailing = false;
  const send = async (timeoutMs: number): Promise<void> => {
    try {
      const { otlpMetrics } = await import('./otlp-metrics.ts');
      const resource = { attributes: resourceAttributes(options.serviceName, env), startMs, nowMs: nowMs() };
      await post(url, headers, otlpMetrics(await options.families(), resource), timeoutMs);
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn('telemetry', { reason: `metrics were not sent: ${String(error).slice(0, 200)}` });
      isFailing = true;
    }
  };
  const timer = setInterval(
    () => void send(exportTimeoutMs),
    millisecondsOf(env['OTEL_METRIC_EXPORT_INTERVAL'], 60_000),
  );
  timer.unref();
  return {
    shutdown: async (timeoutMs) => {
      clearInterval(timer);
      await send(timeoutMs);
    },
  };
};

const millisecondsOf = (text: string | undefined, fallback: number): number => {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) && value > 0 ? Math.min(value, 3_600_000) : fallback;
};

const post = async (
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeoutMs: number,
): Promise<void> => {
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(timeoutMs),
      agent: false,
    });
    outgoing.once('error', reject);
    outgoing.once('response', (reply) => {
      reply.resume();
      if (reply.statusCode !== undefined && reply.statusCode < 300) resolve();
      else reject(new Error(`the collector answered ${String(reply.statusCode)}`));
    });
    outgoing.end(body);
  });
};
