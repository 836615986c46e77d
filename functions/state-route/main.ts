import { loadBehindSession } from '../../shared/function/load-behind-session.ts';
import { runFunction } from '../../shared/function/run-function.ts';

void runFunction(
  {
    name: 'state-route',
    load: (runtime) =>
      loadBehindSession(runtime, {
        prepare: async () => (await import('../../shared/store/prepare-session.ts')).prepareSession,
        app: async () => (await import('./state-route.ts')).createStateRoute,
      }),
  },
  process.env,
);
