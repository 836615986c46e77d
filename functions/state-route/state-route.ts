import type { CreateMessageApp } from '../../shared/function/load-behind-session.ts';
import { findRouteTarget } from '../../shared/store/find-target.ts';
import { createStoreApp } from '../../shared/store/store-app.ts';

/** `query_state_route`: rows for the state behind the OUTPUT route that the message names (reference.md B.1). */
export const createStateRoute: CreateMessageApp = (runtime, pool) =>
  createStoreApp(runtime, { accepts: ['query_state_route'], target: findRouteTarget }, pool);
