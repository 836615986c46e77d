import { globSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

const rooms = '{functions,shared,infra,test,.config,.ci,.github}/**/*';
const topLevel = '*.{md,json,yaml,yml}';
/** Recorded data and pictures: nobody writes citations there. */
const notText = /(^|\/)(vectors|node_modules)\/|package-lock\.json$|\.png$/;

/** Whether a file is where its path says, and not in another folder that a link leads to: there it is found too. */
const isAtHome = (file: string): boolean =>
  realpathSync(join(projectRoot, file)) === join(realpathSync(projectRoot), file);

/** Every text file that the project's people write, as a path from the root, in order, each once. */
export const projectFiles = (): readonly string[] =>
  globSync([rooms, topLevel], { cwd: projectRoot })
    .filter((file) => !notText.test(file) && statSync(join(projectRoot, file)).isFile() && isAtHome(file))
    .toSorted();

/** Text of a file by its path from the root. */
export const readProjectFile = (file: string): string => readFileSync(join(projectRoot, file), 'utf8');
