import { runFunction } from '../../shared/http/run-function.ts';

void runFunction(
  {
    name: 'state-direct',
    load: async (runtime) => (await import('./state-direct.ts')).createStateDirect(runtime),
  },
  process.env,
);
