import { hostname } from 'node:os';

import { readPairs, type Environment } from './otel-environment.ts';

/**
 * What tells this process from others. Jaeger looks for clock skew between hosts only. Without a host it would suspect
 * every span that outlives its parent, as spans that follow a message do.
 */
export const resourceAttributes = (serviceName: string, env: Environment): Record<string, string> => ({
  'host.name': hostname(),
  'process.pid': String(process.pid),
  'service.instance.id': `${hostname()}/${process.pid}`,
  ...readPairs(env['OTEL_RESOURCE_ATTRIBUTES']),
  'service.name': env['OTEL_SERVICE_NAME'] || serviceName,
});
