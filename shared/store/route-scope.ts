import { ScopeRecord, type ScopeValue } from '../state/evaluator.ts';
import type { Processor, Provider, Route } from '../state/state-model.ts';

/**
 * The variables that a callable column sees on the route path: `route_id`, `processor_state`, `processor`, `provider`
 * (reference.md D.6); what does not exist is null. Both processor and provider are always there (G-19).
 */
export const routeScope = (
  route: Route,
  processor: Processor | undefined,
  provider: Provider | undefined,
): ReadonlyMap<string, ScopeValue> =>
  new Map<string, ScopeValue>([
    ['route_id', route.id],
    [
      'processor_state',
      record({
        id: route.id,
        processor_id: route.processorId,
        state_id: route.stateId,
        direction: route.direction,
        status: route.status,
        count: route.count,
        current_index: route.currentIndex,
        maximum_index: route.maximumIndex,
      }),
    ],
    [
      'processor',
      processor
        ? record({
            id: processor.id,
            name: processor.name,
            provider_id: processor.providerId,
            project_id: processor.projectId,
            status: processor.status,
            properties: processor.properties,
          })
        : null,
    ],
    [
      'provider',
      provider
        ? record({
            id: provider.id,
            name: provider.name,
            version: provider.version,
            class_name: provider.className,
            user_id: provider.userId,
            project_id: provider.projectId,
          })
        : null,
    ],
  ]);

const record = (attributes: Readonly<Record<string, ScopeValue>>): ScopeRecord =>
  new ScopeRecord(Object.entries(attributes));
