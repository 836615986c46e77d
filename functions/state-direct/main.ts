import { runFunction } from '../../shared/function/run-function.ts';

void runFunction(
  {
    name: 'state-direct',
    load: async (runtime) => (await import('./state-direct.ts')).createStateDirect(runtime),
  },
  process.env,
);
