import { cloudEventsBatchType } from '../../../shared/message/cloud-event.ts';
import { reasonOf } from '../../../shared/message/to-outcome.ts';
import type { FunctionConfig } from '../../../shared/config/function-config.ts';
import type { Routing } from '../../../shared/routing/routing.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

const clockLimitMs = 3_000;

/** The gateway, and a call of every function that a trigger names. */
export const checkGateway = async (
  gatewayUrl: string | undefined,
  config: FunctionConfig,
  routing: Routing,
  nowMs: () => number,
): Promise<readonly Finding[]> => {
  if (gatewayUrl === undefined) {
    return [
      warn(
        'gateway',
        'gateway_not_set',
        'GATEWAY_URL is not set: the functions were not called',
        'export GATEWAY_URL=http://127.0.0.1:8080',
      ),
    ];
  }
  const base = gatewayUrl.endsWith('/') ? gatewayUrl : `${gatewayUrl}/`;
  const findings: Finding[] = [];
  try {
    const answer = await fetch(new URL('healthz', base), { signal: AbortSignal.timeout(5_000) });
    findings.push(
      answer.ok
        ? ok('gateway', 'gateway_answers', `the gateway answers at ${new URL(base).origin}`)
        : warn(
            'gateway',
            'gateway_unhealthy',
            `the gateway answers ${answer.status} to /healthz`,
            'look at the log of the gateway',
          ),
    );
    const date = Date.parse(answer.headers.get('date') ?? '');
    if (!Number.isNaN(date) && Math.abs(date - nowMs()) > clockLimitMs) {
      findings.push(
        warn(
          'clock',
          'clock_skew',
          `the gateway's clock differs by ${Math.round((date - nowMs()) / 1_000)} s from this machine's`,
          'sudo timedatectl set-ntp true',
        ),
      );
    }
  } catch (error) {
    return [
      fail(
        'gateway',
        'gateway_unavailable',
        `the gateway does not answer: ${causeOf(error)}`,
        'start it (npm start has one), or correct GATEWAY_URL',
      ),
    ];
  }
  const names = [...new Set(routing.triggers.map((trigger) => trigger.function))];
  const calls = names.map((name) => checkFunction(new URL(`function/${name}`, base), name, config.functionToken));
  return [...findings, ...(await Promise.all(calls))];
};

const causeOf = (error: unknown): string => reasonOf((error as { readonly cause?: unknown } | null)?.cause ?? error);

/** A function that was scaled to zero may have to start first. */
const timeoutMs = 15_000;

/** An empty batch has an empty answer: it proves the way, the token and the function without storing anything. */
const checkFunction = async (url: URL, name: string, token: string | undefined): Promise<Finding> => {
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': cloudEventsBatchType,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: '[]',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    return fail(
      'functions',
      'function_unavailable',
      `${name} does not answer: ${causeOf(error)}`,
      `look at the log of ${name}`,
    );
  }
  const body = (await answer.text()).slice(0, 200).replaceAll(/\s+/g, ' ');
  if (answer.ok) return ok('functions', 'function_answers', `${name} answers`);
  if (answer.status === 401 || answer.status === 403) {
    return fail(
      'functions',
      'unauthorized',
      `${name} refuses our token: its messages would wait`,
      'give function, connector and this command the same FUNCTION_TOKEN (secret function-token)',
    );
  }
  if (answer.status === 404) {
    return fail(
      'functions',
      'function_missing',
      `the gateway knows no function ${name}`,
      `deploy it: faas-cli deploy -f stack.yml --filter ${name}`,
    );
  }
  return fail(
    'functions',
    'function_fails',
    `${name} answers ${answer.status}: ${body}`,
    `look at the log of ${name}: its settings, its routing file, its memory`,
  );
};
