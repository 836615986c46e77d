import { reasonOf } from '../../../shared/message/to-outcome.ts';
import type { FunctionConfig } from '../../../shared/config/function-config.ts';
import { readOtelEnvironment, readPairs, type Environment } from '../../../shared/telemetry/otel-environment.ts';
import { ok, warn, type Finding } from './finding.ts';

/** Whether spans would arrive; a store without a collector works as well, so nothing here is a failure. */
export const checkTracing = async (
  config: FunctionConfig,
  env: Environment,
  jaegerUrl: string | undefined,
): Promise<readonly Finding[]> => {
  const otel = readOtelEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: config.otlpEndpoint, ...env });
  const findings = otel.warnings.map((reason) =>
    warn('tracing', 'otel_setting_not_used', reason, `correct or unset ${reason.split(' ', 1)[0]!}`),
  );
  if (otel.isDisabled) {
    return [
      ...findings,
      warn('tracing', 'tracing_off', 'OTEL_SDK_DISABLED is true: no traces', 'unset OTEL_SDK_DISABLED'),
    ];
  }
  if (otel.tracesUrl === undefined) {
    const isNone = otel.values['OTEL_TRACES_EXPORTER'] === 'none';
    return [
      ...findings,
      isNone
        ? warn('tracing', 'tracing_off', 'OTEL_TRACES_EXPORTER is none: no traces', 'unset OTEL_TRACES_EXPORTER')
        : warn(
            'tracing',
            'tracing_off',
            'OTEL_EXPORTER_OTLP_ENDPOINT is not set: no traces',
            'export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318',
          ),
    ];
  }
  findings.push(await askCollector(otel.tracesUrl, otel.values));
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

/** Sends no spans, as the functions would send theirs. */
const askCollector = async (url: string, values: Readonly<Record<string, string>>): Promise<Finding> => {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...readPairs(values['OTEL_EXPORTER_OTLP_HEADERS']),
        ...readPairs(values['OTEL_EXPORTER_OTLP_TRACES_HEADERS']),
      },
      body: '{"resourceSpans":[]}',
      signal: AbortSignal.timeout(5_000),
    });
    if (answer.ok) return ok('tracing', 'collector_answers', 'the trace collector takes spans');
    const fix =
      answer.status === 401 || answer.status === 403
        ? 'set OTEL_EXPORTER_OTLP_HEADERS to what it asks for'
        : 'point OTEL_EXPORTER_OTLP_ENDPOINT at an OTLP/HTTP receiver (port 4318)';
    return warn('tracing', 'collector_refuses', `the trace collector answers ${answer.status}`, fix);
  } catch (error) {
    const reason = reasonOf((error as { readonly cause?: unknown }).cause ?? error);
    return warn(
      'tracing',
      'collector_unavailable',
      `the trace collector does not answer: ${reason}`,
      'start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT',
    );
  }
};
