import { loadBehindSession } from '../../shared/function/load-behind-session.ts';
import { runFunction } from '../../shared/function/run-function.ts';

void runFunction(
  {
    name: 'state-entry',
    load: (runtime) =>
      loadBehindSession(runtime, {
        prepare: async () => (await import('./prepare-session.ts')).prepareSession,
        app: async () => (await import('./state-entry.ts')).createStateEntry,
      }),
  },
  process.env,
);
