import { Pool, type Dispatcher } from 'undici';

export interface EndpointOptions {
  /** Functions are at `<gateway>/function/<name>`, as OpenFaaS and the local host have them. */
  readonly gatewayUrl: string;
  /** In place of the gateway, where set: a URL with `{name}`, one host for each function, as Knative has them. */
  readonly functionUrlTemplate?: string | undefined;
}

/** Where one function is called. */
export interface Endpoint {
  readonly client: Dispatcher;
  readonly path: string;
  /** Not `/_/health`: a watchdog in front of the function answers that one by itself. */
  readonly healthPath: string;
}

export interface Endpoints {
  of(functionName: string): Endpoint;
  close(): Promise<void>;
}

/** Keep-alive connections, one pool for each host. */
export const createEndpoints = (options: EndpointOptions): Endpoints => {
  const pools = new Map<string, Pool>();
  const poolOf = (origin: string): Pool => {
    const known = pools.get(origin);
    if (known !== undefined) return known;
    const pool = new Pool(origin, {
      // The number of requests at a time is the callers' to say.
      connections: null,
      pipelining: 1,
      connect: { timeout: 5_000 },
      // The callers have deadlines of their own, over the whole request.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    pools.set(origin, pool);
    return pool;
  };
  const urlOf = (functionName: string): URL => {
    const { functionUrlTemplate } = options;
    if (functionUrlTemplate !== undefined) return new URL(functionUrlTemplate.replaceAll('{name}', functionName));
    const gateway = new URL(options.gatewayUrl);
    return new URL(`${gateway.pathname.replace(/\/+$/, '')}/function/${functionName}`, gateway);
  };
  return {
    of: (functionName) => {
      const { origin, pathname } = urlOf(functionName);
      const prefix = pathname === '/' ? '' : pathname;
      return { client: poolOf(origin), path: prefix || '/', healthPath: `${prefix}/healthz` };
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
};
