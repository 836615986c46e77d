import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runFunction } from '../../shared/function/run-function.ts';

/** The build puts the operator's page beside the bundle. */
const readPage = (): Promise<string> => readFile(join(import.meta.dirname, 'page.html'), 'utf8');

void runFunction(
  {
    name: 'manage',
    // The page holds no data; `manage` itself asks for the token of everything else at this path.
    openPaths: ['/'],
    load: async (runtime) => (await import('./manage.ts')).createManage(runtime, readPage),
  },
  process.env,
);
