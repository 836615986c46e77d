import { runFunction } from '../../shared/http/run-function.ts';

void runFunction(
  {
    name: 'manage',
    load: async (runtime) => (await import('./manage.ts')).createManage(runtime),
  },
  process.env,
);
