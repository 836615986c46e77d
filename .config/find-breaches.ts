import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

import { breachOf, type ImportBreach } from './import-rules.ts';

const importLine =
  /(?:^|\n)\s*(?:import|export)\s[^;]*?\sfrom\s+'([^']+)'|(?:^|[^.\w])import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;

/** Reads the import lines of every source file below the root and returns the breaches of the house's direction. */
export const findBreaches = (root: string): readonly ImportBreach[] => {
  const breaches: ImportBreach[] = [];
  for (const file of globSync('{functions,shared,infra,test,.config}/**/*.ts', { cwd: root })) {
    const source = readFileSync(join(root, file), 'utf8');
    for (const match of source.matchAll(importLine)) {
      const name = match[1] ?? match[2] ?? match[3] ?? '';
      const imported = name.startsWith('.') ? normalize(join(dirname(file), name)) : name;
      const rule = breachOf(file, imported);
      if (rule !== undefined) breaches.push({ file, imported, rule });
    }
  }
  return breaches;
};
