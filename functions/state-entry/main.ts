import { runFunction } from '../../shared/function/run-function.ts';

void runFunction(
  {
    name: 'state-entry',
    load: async (runtime) => (await import('./state-entry.ts')).createStateEntry(runtime),
  },
  process.env,
);
