import { runFunction } from '../../shared/function/run-function.ts';

void runFunction(
  {
    name: 'manage',
    // The page holds no data; `manage` itself asks for the token of everything else at this path.
    openPaths: ['/'],
    load: async (runtime) => (await import('./manage.ts')).createManage(runtime),
  },
  process.env,
);
