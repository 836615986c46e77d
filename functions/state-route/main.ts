import { runFunction } from '../../shared/function/run-function.ts';

void runFunction(
  {
    name: 'state-route',
    load: async (runtime) => (await import('./state-route.ts')).createStateRoute(runtime),
  },
  process.env,
);
