import { fileURLToPath } from 'node:url';
import { findHelpersAbove, findUnusedExports, readSources } from './check-files.ts';
import { findBreaches, findUnusedPermissions } from './find-breaches.ts';
import { printMap } from './room-map.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
if (process.argv.includes('--map')) process.stdout.write(printMap(root));
const sources = readSources(root);
const faults = [
  ...findBreaches(root).map(({ file, imported, rule }) => `${file} imports ${imported}: ${rule}`),
  ...findUnusedPermissions(root).map((arrow) => `${arrow} is allowed in .config/import-rules.ts, and nothing uses it`),
  ...[...findUnusedExports(sources), ...findHelpersAbove(sources)].map(({ file, fault }) => `${file}: ${fault}`),
];
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(faults.length === 0 ? 'house: every room keeps its direction, every file its order\n' : '');
process.exitCode = faults.length === 0 ? 0 : 1;
