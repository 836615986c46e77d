import type { CreateMessageApp } from '../../shared/function/load-behind-session.ts';
import { findDirectTarget } from '../../shared/store/find-target.ts';
import { createStoreApp } from '../../shared/store/store-app.ts';

/** `query_state_direct`: rows for the state that the message names (reference.md B.1). */
export const createStateDirect: CreateMessageApp = (runtime, pool) =>
  createStoreApp(runtime, { accepts: ['query_state_direct'], target: findDirectTarget }, pool);
