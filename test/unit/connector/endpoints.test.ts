import { describe, expect, it } from 'vitest';

import { readConnectorConfig } from '../../../infra/connector/connector-config.ts';
import { createEndpoints } from '../../../infra/connector/dispatch/endpoints.ts';

describe('where the connector calls a function', () => {
  it('is a path of the gateway, below its own path if it has one', async () => {
    const endpoints = createEndpoints({ gatewayUrl: 'http://gateway:8080/base/' });
    const direct = endpoints.of('state-direct');
    expect([direct.path, direct.healthPath]).toEqual([
      '/base/function/state-direct',
      '/base/function/state-direct/healthz',
    ]);
    expect(endpoints.of('state-route').client, 'one pool of connections for one host').toBe(direct.client);
    await endpoints.close();
  });

  it('is a host of its own if a template says so', async () => {
    const endpoints = createEndpoints({ gatewayUrl: 'http://unused', functionUrlTemplate: 'http://{name}.ns.svc' });
    const [direct, route] = [endpoints.of('state-direct'), endpoints.of('state-route')];
    expect([direct.path, direct.healthPath]).toEqual(['/', '/healthz']);
    expect(route.client).not.toBe(direct.client);
    await endpoints.close();
  });

  it.each(['http://functions.ns.svc', 'ftp://{name}', '{name}'])('cannot be the template %s', (template) => {
    expect(() => readConnectorConfig({ env: { FUNCTION_URL_TEMPLATE: template }, secretsDir: '/nowhere' })).toThrow(
      /FUNCTION_URL_TEMPLATE must be/,
    );
  });
});
