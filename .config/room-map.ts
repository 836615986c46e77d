import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { readImports, roomArrows } from './find-breaches.ts';
import { roomOf, rooms } from './import-rules.ts';

const short = (path: string): string => path.replace(/\/$/, '').replace(/^shared\//, '');

/** The house in one screen: every room with its size, what it holds, and the rooms that it imports. */
export const printMap = (root: string): string => {
  const arrows = roomArrows(readImports(root));
  const lines = rooms.map(({ path, holds, isPure }) => {
    const files = globSync(`${path}**/*.{ts,tsx}`, { cwd: root }).filter((file) => roomOf(file)?.path === path);
    const count = files.reduce((sum, file) => sum + readFileSync(join(root, file), 'utf8').split('\n').length - 1, 0);
    const size = `${files.length} files ${count} lines`.padEnd(22);
    const targets = rooms
      .filter((room) => arrows.get(path)?.has(room.path) === true)
      .map((room) => short(room.path))
      .join(' ');
    return `${path.padEnd(24)} ${isPure ? 'pure' : 'I/O '} ${size} ${holds}\n${' '.repeat(30)}-> ${targets || 'nothing'}`;
  });
  return `${lines.join('\n')}\n`;
};
