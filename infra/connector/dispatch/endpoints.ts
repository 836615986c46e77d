import { connect } from 'node:net';
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
  /**
   * Whether anything answers within the time where functions are called. A gateway is asked for its own health, and any answer will
   * do. Where each function has a host, one that takes a connection is enough: a request could wake the function behind it.
   */
  isReached(timeoutMs: number): Promise<boolean>;
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
  const belowGateway = (path: string): URL => {
    const gateway = new URL(options.gatewayUrl);
    return new URL(`${gateway.pathname.replace(/\/+$/, '')}${path}`, gateway);
  };
  const urlOf = (functionName: string): URL => {
    const { functionUrlTemplate } = options;
    if (functionUrlTemplate !== undefined) return new URL(functionUrlTemplate.replaceAll('{name}', functionName));
    return belowGateway(`/function/${functionName}`);
  };
  return {
    of: (functionName) => {
      const { origin, pathname } = urlOf(functionName);
      const prefix = pathname === '/' ? '' : pathname;
      return { client: poolOf(origin), path: prefix || '/', healthPath: `${prefix}/healthz` };
    },
    isReached: async (timeoutMs) => {
      if (options.functionUrlTemplate === undefined) {
        const { origin, pathname } = belowGateway('/healthz');
        return await answers(poolOf(origin), pathname, timeoutMs);
      }
      return (await Promise.all([...pools.keys()].map((origin) => takesConnection(origin, timeoutMs)))).some(Boolean);
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
};

/** Whether there is an answer, whatever it says. */
const answers = async (client: Dispatcher, path: string, timeoutMs: number): Promise<boolean> => {
  // Held until the answer is there, as some versions of node collect a timeout that nobody refers to.
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const { body } = await client.request({ path, method: 'GET', signal: deadline });
    await body.dump();
    return !deadline.aborted;
  } catch {
    // That nobody answers is what was asked.
    return false;
  }
};

const takesConnection = (origin: string, timeoutMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    const { hostname, port, protocol } = new URL(origin);
    const socket = connect({
      // Brackets of an IPv6 address belong to the URL.
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    });
    const end = (isTaken: boolean): void => {
      socket.destroy();
      resolve(isTaken);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
