import {
  routerSelector,
  syncSelector,
  type DeadLetterConfig,
  type TriggerConfig,
  type TriggerLimits,
} from './routing.ts';

export const defaultLimits: TriggerLimits = {
  maxBatchMessages: 500,
  maxBatchBytes: 4_194_304,
  lingerMs: 5,
  maxInFlightMessages: 5_000,
  maxInFlightBytes: 67_108_864,
  maxConcurrentRequests: 8,
  requestTimeoutMs: 60_000,
  maxAttempts: 8,
  backoffInitialMs: 200,
  backoffMaxMs: 30_000,
  killsBeforeDeadLetter: 3,
};

const trigger = (selector: string, functionName: string, type: string, key: string): TriggerConfig => ({
  selector,
  function: functionName,
  types: [type],
  key,
  limits: defaultLimits,
});

/**
 * What applies if the file has no `triggers`, so that a routing file of the ecosystem works as it is. The same type
 * name means two things: `query_state_route` stores rows on the sync subject and replays a state on the router subject.
 */
export const defaultTriggers: readonly TriggerConfig[] = [
  trigger(syncSelector, 'state-direct', 'query_state_direct', 'state_id'),
  trigger(syncSelector, 'state-route', 'query_state_route', 'route_id'),
  trigger(routerSelector, 'state-entry', 'query_state_entry', 'route_id'),
  trigger(routerSelector, 'state-entry', 'query_processor_entry', 'processor_id'),
  trigger(routerSelector, 'state-entry', 'query_state_route', 'route_id'),
];

export const defaultDeadLetter: DeadLetterConfig = {
  stream: 'state_sync_dead_letter',
  subject: 'state_sync.dead_letter',
};
