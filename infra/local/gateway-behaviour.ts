/** What a gateway says by itself, without the function: how the platforms differ is in the answers and in nothing else. */
export type GatewayEvent =
  /** There is no function of that name. */
  | 'unknown function'
  /** It has no process that could be called. */
  | 'no endpoint'
  /** The process was called and refused the connection, or broke it before it answered. */
  | 'unreachable'
  /** The process did not answer in time. */
  | 'timeout'
  /** The gateway itself failed. */
  | 'internal error';

export interface GatewayAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export type GatewayBehaviour = 'local' | 'openfaas' | 'knative';

/**
 * The answers of each platform, as its sources have them.
 *
 * - `openfaas`: faas-provider's proxy (`proxy/proxy.go`) answers 500 for whatever goes wrong between it and the
 *   function. It marks its own answers with `X-OpenFaaS-Internal`. The gateway before it answers 502 without a body if
 *   that proxy is late.
 * - `knative`: the activator answers 503 if a revision has no capacity in time. Its reverse proxy and that of
 *   queue-proxy answer 502 if the container refuses. The timeout handler of queue-proxy answers 504.
 * - `local`: what `npm start` has always said: 502, or 503 with `Retry-After`.
 */
const answers: Readonly<
  Record<GatewayBehaviour, Readonly<Record<GatewayEvent, (functionName: string, reason: string) => GatewayAnswer>>>
> = {
  local: {
    'unknown function': (_name, reason) => plain(404, reason, 'gateway'),
    'no endpoint': (_name, reason) => plain(503, reason, 'gateway'),
    unreachable: (_name, reason) => plain(502, `the function failed: ${reason}`, 'gateway'),
    timeout: (_name, reason) => plain(502, reason, 'gateway'),
    'internal error': () => plain(500, 'the host failed', 'gateway'),
  },
  openfaas: {
    'unknown function': (name) => plain(404, `error finding function ${name}: function not found`, undefined),
    'no endpoint': (name) => plain(503, `No endpoints available for: ${name}.`, 'proxy'),
    unreachable: (name) => plain(500, `Can't reach service for: ${name}.`, 'proxy'),
    timeout: () => ({ status: 502, headers: {}, text: '' }),
    'internal error': () => ({ status: 502, headers: {}, text: '' }),
  },
  knative: {
    'unknown function': () => plain(404, 'Not Found', undefined),
    'no endpoint': () => plain(503, 'context deadline exceeded', undefined),
    unreachable: (_name, reason) => plain(502, reason, undefined),
    timeout: () => plain(504, 'request timeout', undefined),
    'internal error': () => plain(500, 'Internal Server Error', undefined),
  },
};

/** What the gateway of a platform answers by itself. */
export const gatewayAnswer = (
  behaviour: GatewayBehaviour,
  event: GatewayEvent,
  functionName: string,
  reason: string,
): GatewayAnswer => answers[behaviour][event](functionName, reason);

const plain = (status: number, text: string, internal: string | undefined): GatewayAnswer => ({
  status,
  headers: {
    'content-type': 'text/plain; charset=utf-8',
    ...(internal === undefined ? {} : { 'x-openfaas-internal': internal }),
  },
  text: `${text}\n`,
});
