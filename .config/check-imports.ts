import { fileURLToPath } from 'node:url';
import { findBreaches, findUnusedPermissions } from './find-breaches.ts';
import { printMap } from './room-map.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
if (process.argv.includes('--map')) process.stdout.write(printMap(root));
const faults = [
  ...findBreaches(root).map(({ file, imported, rule }) => `${file} imports ${imported}: ${rule}`),
  ...findUnusedPermissions(root).map((arrow) => `${arrow} is allowed in .config/import-rules.ts, and nothing uses it`),
];
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(faults.length === 0 ? 'imports: every room keeps its direction\n' : '');
process.exitCode = faults.length === 0 ? 0 : 1;
