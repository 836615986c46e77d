import { fileURLToPath } from 'node:url';

import { findBreaches } from './find-breaches.ts';
import { printMap } from './room-map.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

if (process.argv.includes('--map')) process.stdout.write(printMap(root));
const breaches = findBreaches(root);
for (const { file, imported, rule } of breaches) process.stderr.write(`${file} imports ${imported}: ${rule}\n`);
process.stdout.write(breaches.length === 0 ? 'imports: every room keeps its direction\n' : '');
process.exitCode = breaches.length === 0 ? 0 : 1;
