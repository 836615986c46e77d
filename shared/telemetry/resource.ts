import { hostname } from 'node:os';

/** `name=value` pairs, percent-encoded, as `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_EXPORTER_OTLP_HEADERS` have them. */
export const readPairs = (text: string | undefined): Record<string, string> =>
  Object.fromEntries(
    (text ?? '').split(',').flatMap((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) return [];
      const value = pair.slice(at + 1).trim();
      // What is no percent-encoding is taken as it is.
      return [[pair.slice(0, at).trim(), /%(?![0-9a-f]{2})/i.test(value) ? value : decodeURIComponent(value)]];
    }),
  );

/**
 * What tells this process from others. Jaeger looks for clock skew between hosts only. Without a host it would suspect
 * every span that outlives its parent, as spans that follow a message do.
 */
export const resourceAttributes = (
  serviceName: string,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> => ({
  'host.name': hostname(),
  'process.pid': String(process.pid),
  'service.instance.id': `${hostname()}/${process.pid}`,
  ...readPairs(env['OTEL_RESOURCE_ATTRIBUTES']),
  'service.name': env['OTEL_SERVICE_NAME'] || serviceName,
});
