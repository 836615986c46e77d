import type { Log } from './log.ts';
import type { MetricFamily } from './metric-family.ts';
import { readOtelEnvironment, readPairs, type Environment } from './otel-environment.ts';
import { resourceAttributes } from './resource.ts';

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
 * Pushes the metrics of this process as OTLP over HTTP in JSON, every `OTEL_METRIC_EXPORT_INTERVAL` (60,000 ms) and once at
 * the end. A few lines instead of the SDK's metrics, which would add to the cold start what they add to the bundle. A
 * collector that is down costs one warning, until it is back. Undefined if no metrics are wanted.
 */
export const startMetricsExport = (options: MetricsExportOptions): MetricsExport | undefined => {
  const { env, log, nowMs } = options;
  const { metricsUrl, values } = readOtelEnvironment(env);
  if (metricsUrl === undefined) return undefined;
  const target = targetOf(new URL(metricsUrl), values);
  const exportTimeoutMs = Math.min(target.timeoutMs, millisecondsOf(values['OTEL_METRIC_EXPORT_TIMEOUT'], 30_000));
  const startMs = nowMs();
  let isFailing = false;
  const send = async (timeoutMs: number): Promise<void> => {
    try {
      const { otlpMetrics } = await import('./otlp-metrics.ts');
      const resource = { attributes: resourceAttributes(options.serviceName, env), startMs, nowMs: nowMs() };
      await post({ ...target, timeoutMs }, otlpMetrics(await options.families(), resource));
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn('telemetry', { reason: `metrics were not sent: ${String(error).slice(0, 200)}` });
      isFailing = true;
    }
  };
  const timer = setInterval(
    () => void send(exportTimeoutMs),
    millisecondsOf(values['OTEL_METRIC_EXPORT_INTERVAL'], 60_000),
  );
  timer.unref();
  return {
    shutdown: async (timeoutMs) => {
      clearInterval(timer);
      await send(timeoutMs);
    },
  };
};

/** Longer than this no timer of Node waits. */
const maxMs = 2_147_483_647;
const millisecondsOf = (text: string | undefined, fallback: number): number =>
  text === undefined ? fallback : Math.min(Number(text), maxMs);

/** Where and how metrics are sent. */
interface Target {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly isCompressed: boolean;
  /** Paths of PEM files. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** A variable for metrics alone goes before that for all signals; of headers each one by its name. */
const targetOf = (url: URL, values: Readonly<Record<string, string>>): Target => {
  const of = (name: string): string | undefined =>
    values[`OTEL_EXPORTER_OTLP_METRICS_${name}`] ?? values[`OTEL_EXPORTER_OTLP_${name}`];
  return {
    url,
    headers: {
      ...readPairs(values['OTEL_EXPORTER_OTLP_HEADERS']),
      ...readPairs(values['OTEL_EXPORTER_OTLP_METRICS_HEADERS']),
    },
    timeoutMs: millisecondsOf(of('TIMEOUT'), 10_000),
    isCompressed: of('COMPRESSION') === 'gzip',
    ca: of('CERTIFICATE'),
    cert: of('CLIENT_CERTIFICATE'),
    key: of('CLIENT_KEY'),
  };
};

const post = async (target: Target, text: string): Promise<void> => {
  const { url, timeoutMs } = target;
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const { readFile } = await import('node:fs/promises');
  const { gzipSync } = await import('node:zlib');
  const pem = async (name: 'ca' | 'cert' | 'key') => {
    const path = target[name];
    return path === undefined ? {} : { [name]: await readFile(path) };
  };
  const tls = { ...(await pem('ca')), ...(await pem('cert')), ...(await pem('key')) };
  const body = target.isCompressed ? gzipSync(text) : text;
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(target.isCompressed ? { 'content-encoding': 'gzip' } : {}),
        ...target.headers,
      },
      ...tls,
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
