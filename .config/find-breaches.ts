import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

import { breachOf, roomOf, rooms, type ImportBreach } from './import-rules.ts';

const importLine =
  /(?:^|\n)\s*(?:import|export)\s[^;]*?\sfrom\s+'([^']+)'|(?:^|[^.\w])import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;

/** One import: both ends as paths from the root, or the imported module's name. */
export interface ImportLine {
  readonly file: string;
  readonly imported: string;
}

/** Every import of every source file below the root. */
export const readImports = (root: string): readonly ImportLine[] =>
  globSync('{functions,shared,infra,test,.config}/**/*.{ts,tsx}', { cwd: root }).flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8');
    return [...source.matchAll(importLine)].map((match) => {
      const name = match[1] ?? match[2] ?? match[3] ?? '';
      return { file, imported: name.startsWith('.') ? normalize(join(dirname(file), name)) : name };
    });
  });

/** The arrows between rooms: importing room -> imported rooms, each with its number of import lines. */
export const roomArrows = (imports: readonly ImportLine[]): ReadonlyMap<string, ReadonlyMap<string, number>> => {
  const arrows = new Map<string, Map<string, number>>();
  for (const { file, imported } of imports) {
    const from = roomOf(file)?.path;
    const to = roomOf(imported)?.path;
    if (from === undefined || to === undefined || from === to) continue;
    const targets = arrows.get(from) ?? new Map<string, number>();
    targets.set(to, (targets.get(to) ?? 0) + 1);
    arrows.set(from, targets);
  }
  return arrows;
};

/** The arrows between files of the product; an import of types alone is one too. */
const fileArrows = (imports: readonly ImportLine[]): ReadonlyMap<string, ReadonlyMap<string, number>> => {
  const arrows = new Map<string, Map<string, number>>();
  for (const { file, imported } of imports) {
    if (!imported.endsWith('.ts') || file.startsWith('test/')) continue;
    const targets = arrows.get(file) ?? new Map<string, number>();
    arrows.set(file, targets.set(imported, (targets.get(imported) ?? 0) + 1));
  }
  return arrows;
};

/** A circle of rooms or files as its path (`a -> b -> a`), or undefined. */
export const findCircle = (arrows: ReadonlyMap<string, ReadonlyMap<string, number>>): string | undefined => {
  const done = new Set<string>();
  const visit = (room: string, path: readonly string[]): string | undefined => {
    if (path.includes(room)) return [...path.slice(path.indexOf(room)), room].join(' -> ');
    if (done.has(room)) return undefined;
    for (const next of arrows.get(room)?.keys() ?? []) {
      const circle = visit(next, [...path, room]);
      if (circle !== undefined) return circle;
    }
    done.add(room);
    return undefined;
  };
  for (const room of arrows.keys()) {
    const circle = visit(room, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
};

/** What is wrong with the import lines of the source files below the root: breaches of a rule, and a circle of rooms. */
export const findBreaches = (root: string): readonly ImportBreach[] => {
  const imports = readImports(root);
  const breaches: ImportBreach[] = imports.flatMap(({ file, imported }) => {
    const rule = breachOf(file, imported);
    return rule === undefined ? [] : [{ file, imported, rule }];
  });
  const circle = findCircle(roomArrows(imports));
  if (circle !== undefined) breaches.push({ file: circle, imported: circle, rule: 'rooms form a circle' });
  const files = findCircle(fileArrows(imports));
  if (files !== undefined) breaches.push({ file: files, imported: files, rule: 'files form a circle' });
  return breaches;
};

/** Permissions of the list that no file below the root uses, as `room -> room`. */
export const findUnusedPermissions = (root: string): readonly string[] => {
  const arrows = roomArrows(readImports(root));
  return rooms.flatMap(({ path, mayImport }) =>
    mayImport.filter((target) => arrows.get(path)?.has(target) !== true).map((target) => `${path} -> ${target}`),
  );
};
