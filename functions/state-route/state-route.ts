import { TerminalError } from '../../shared/errors/sync-error.ts';
import type { FunctionApp, FunctionRuntime } from '../../shared/function/run-function.ts';
import { readId } from '../../shared/message/envelope.ts';
import { createStoreApp } from '../../shared/store/store-app.ts';
import { routeScope } from './route-scope.ts';

/** `query_state_route`: rows for the state behind the OUTPUT route that the message names (reference.md B.1). */
export const createStateRoute = (runtime: FunctionRuntime): Promise<FunctionApp> =>
  createStoreApp(runtime, {
    accepts: ['query_state_route'],
    target: async ({ message }, metadata) => {
      const route = await metadata.route(readId(message, 'route_id'));
      if (route.stateId === '') throw new TerminalError('ambiguous_route', `the route ${route.id} has no state`);
      return {
        stateId: route.stateId,
        // Read only if an expression can ask for them.
        scope: async () => {
          const processor = await metadata.findProcessor(route.processorId);
          const provider = processor?.providerId ? await metadata.findProvider(processor.providerId) : undefined;
          return routeScope(route, processor, provider);
        },
      };
    },
  });
