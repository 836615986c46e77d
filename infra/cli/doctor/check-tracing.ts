import { reasonOf } from '../../../shared/message/to-outcome.ts';
import type { FunctionConfig } from '../../../shared/config/function-config.ts';
import { ok, warn, type Finding } from './finding.ts';

/** Whether spans would arrive; a store without a collector works as well, so nothing here is a failure. */
export const checkTracing = async (
  config: FunctionConfig,
  jaegerUrl: string | undefined,
): Promise<readonly Finding[]> => {
  const { otlpEndpoint } = config;
  if (otlpEndpoint === undefined) {
    return [
      warn(
        'tracing',
        'tracing_off',
        'OTEL_EXPORTER_OTLP_ENDPOINT is not set: no traces',
        'export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318',
      ),
    ];
  }
  const findings: Finding[] = [];
  try {
    const url = `${otlpEndpoint.replace(/\/+$/, '')}/v1/traces`;
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"resourceSpans":[]}',
      signal: AbortSignal.timeout(5_000),
    });
    findings.push(
      answer.ok
        ? ok('tracing', 'collector_answers', 'the trace collector takes spans')
        : warn(
            'tracing',
            'collector_refuses',
            `the trace collector answers ${answer.status}`,
            'point OTEL_EXPORTER_OTLP_ENDPOINT at an OTLP/HTTP receiver (port 4318)',
          ),
    );
  } catch (error) {
    const reason = reasonOf((error as { readonly cause?: unknown }).cause ?? error);
    findings.push(
      warn(
        'tracing',
        'collector_unavailable',
        `the trace collector does not answer: ${reason}`,
        'start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT',
      ),
    );
  }
  if (jaegerUrl === undefined) {
    findings.push(
      warn(
        'tracing',
        'no_trace_links',
        'JAEGER_UI_URL is not set: nothing links to traces',
        'export JAEGER_UI_URL=http://localhost:16686',
      ),
    );
  }
  return findings;
};
