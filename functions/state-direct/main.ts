import { loadBehindSession } from '../../shared/function/load-behind-session.ts';
import { runFunction } from '../../shared/function/run-function.ts';

void runFunction(
  {
    name: 'state-direct',
    load: (runtime) =>
      loadBehindSession(runtime, {
        prepare: async () => (await import('../../shared/store/prepare-session.ts')).prepareSession,
        app: async () => (await import('./state-direct.ts')).createStateDirect,
      }),
  },
  process.env,
);
