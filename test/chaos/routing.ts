import { defaultLimits } from '../../shared/routing/default-triggers.ts';
import { processors } from './create-states.ts';

export interface ChaosTimes {
  readonly ackWaitSeconds: number;
  /** Of one request of the connector; below the ack wait. */
  readonly requestTimeoutMs: number;
  /** Of one function call; below the request's. */
  readonly functionDeadlineMs: number;
}

/** Short enough that what is lost comes back within a round, and in the order function < gateway < ack wait. */
export const chaosTimes: ChaosTimes = { ackWaitSeconds: 6, requestTimeoutMs: 4_500, functionDeadlineMs: 3_500 };

/** What a deployment has that sets none of them: the defaults of `ack_wait`, `requestTimeoutMs` and `FUNCTION_DEADLINE_MS`. */
export const defaultTimes: ChaosTimes = {
  ackWaitSeconds: 90,
  requestTimeoutMs: defaultLimits.requestTimeoutMs,
  functionDeadlineMs: 50_000,
};

/**
 * A routing file for these servers; with times of its own, tries follow each other faster than by default. Without any it sets no time
 * and no limit.
 */
export const chaosRouting = (natsUrl: string, times: ChaosTimes | undefined): string => {
  const wait = times === undefined ? '' : `, ack_wait: ${times.ackWaitSeconds}`;
  const route = (selector: string, name: string, subject: string): string =>
    `    - { selector: ${selector}, name: ${name}, subject: ${subject}, url: "${natsUrl}"${wait} }`;
  const limits =
    times === undefined
      ? ''
      : `, limits: { maxBatchMessages: 200, requestTimeoutMs: ${times.requestTimeoutMs}, maxAttempts: 6, backoffInitialMs: 50, backoffMaxMs: 1000, maxConcurrentRequests: 6 }`;
  const trigger = (selector: string, name: string, type: string, key: string): string =>
    `  - { selector: ${selector}, function: ${name}, types: [${type}], key: ${key}${limits} }`;
  return [
    'messageConfig:',
    '  routes:',
    route('processor/state/sync', 'processor_state_sync', 'processor.state.sync'),
    route('processor/state/router', 'processor_state_router', 'processor.state.router'),
    route('processor/monitor', 'processor_monitor', 'processor.monitor'),
    ...processors.map(({ providerId, stream, subject }) => route(providerId, stream, subject)),
    'triggers:',
    trigger('processor/state/sync', 'state-direct', 'query_state_direct', 'state_id'),
    trigger('processor/state/sync', 'state-route', 'query_state_route', 'route_id'),
    trigger('processor/state/router', 'state-entry', 'query_state_entry', 'route_id'),
    '',
  ].join('\n');
};
