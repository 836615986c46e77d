import { ScopeEnum, ScopeRecord, type ScopeValue } from '../state/evaluator.ts';
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
      record(
        {
          id: route.id,
          processor_id: route.processorId,
          state_id: route.stateId,
          direction: new ScopeEnum('ProcessorStateDirection', route.direction),
          status: statusOf(route.status),
          count: route.count,
          current_index: route.currentIndex,
          maximum_index: route.maximumIndex,
        },
        'ProcessorState',
      ),
    ],
    [
      'processor',
      processor
        ? record(
            {
              id: processor.id,
              name: processor.name,
              provider_id: processor.providerId,
              project_id: processor.projectId,
              status: statusOf(processor.status),
              properties: processor.properties,
            },
            'Processor',
          )
        : null,
    ],
    [
      'provider',
      provider
        ? record(
            {
              id: provider.id,
              name: provider.name,
              version: provider.version,
              class_name: provider.className,
              user_id: provider.userId,
              project_id: provider.projectId,
            },
            'ProcessorProvider',
          )
        : null,
    ],
  ]);

const record = (attributes: Readonly<Record<string, ScopeValue>>, typeName: string): ScopeRecord =>
  new ScopeRecord(Object.entries(attributes), typeName);

const statusOf = (status: string | null): ScopeEnum | null =>
  status === null ? null : new ScopeEnum('ProcessorStatusCode', status);
