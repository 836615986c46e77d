/** What a gateway knows of one function; cold starts and restarts only if it counts them. */
export interface FunctionState {
  readonly name: string;
  readonly replicas: number;
  readonly availableReplicas: number;
  readonly invocations: number | undefined;
  readonly inFlight: number | undefined;
  readonly coldStarts: number | undefined;
  readonly restarts: number | undefined;
}

export interface Gateway {
  readonly url: string;
  /** Every function behind it. @throws Error if it does not answer or not as a gateway does */
  functions(): Promise<readonly FunctionState[]>;
}

export interface GatewayOptions {
  readonly url: string;
  /** Basic authentication of `/system`, if the gateway asks for it. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly timeoutMs?: number;
}

const maxFunctions = 200;

/** A client of `/system/functions`, as OpenFaaS and the local function host answer it. */
export const createGateway = (options: GatewayOptions): Gateway => ({
  url: options.url,
  functions: async () => {
    const { user = 'admin', password } = options;
    const answer = await fetch(
      new URL('system/functions', options.url.endsWith('/') ? options.url : `${options.url}/`),
      {
        headers:
          password === undefined
            ? {}
            : { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
        signal: AbortSignal.timeout(options.timeoutMs ?? 2_000),
        redirect: 'error',
      },
    );
    if (!answer.ok) throw new Error(`the gateway answered ${answer.status} to /system/functions`);
    const list: unknown = await answer.json();
    if (!Array.isArray(list)) throw new Error('the gateway did not answer with a list of functions');
    return list.slice(0, maxFunctions).flatMap(toFunctionState);
  },
});

const toFunctionState = (value: unknown): FunctionState[] => {
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Record<string, unknown>;
  if (typeof fields['name'] !== 'string') return [];
  return [
    {
      name: fields['name'],
      replicas: numberOf(fields['replicas']) ?? 0,
      availableReplicas: numberOf(fields['availableReplicas']) ?? 0,
      invocations: numberOf(fields['invocationCount']),
      inFlight: numberOf(fields['inFlight']),
      coldStarts: numberOf(fields['coldStarts']),
      restarts: numberOf(fields['restarts']),
    },
  ];
};

const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;
