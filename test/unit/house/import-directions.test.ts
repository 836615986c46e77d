import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, it } from 'vitest';

import { findBreaches, findCircle, findUnusedPermissions } from '../../../.config/find-breaches.ts';
import { rooms } from '../../../.config/import-rules.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'imports-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const breachesOf = (file: string, source: string): readonly string[] => {
  const dir = mkdtempSync(join(scratch, 'tree-'));
  mkdirSync(dirname(join(dir, file)), { recursive: true });
  writeFileSync(join(dir, file), source);
  return findBreaches(dir).map((breach) => breach.rule);
};

describe('the house has one direction', () => {
  it('holds in every file of the project', () => {
    expect(findBreaches(root)).toEqual([]);
  });

  it.each([
    ['a pure room reads a file', 'shared/state/a.ts', "import { readFileSync } from 'node:fs';"],
    ['a pure room imports the database', 'shared/state/a.ts', "import { append } from '../postgres/append.ts';"],
    ['a pure room imports lazily', 'shared/message/a.ts', "const a = await import('../nats/connect.ts');"],
    [
      'the connector imports the database',
      'infra/connector/a.ts',
      "import { b } from '../../shared/postgres/pool.ts';",
    ],
    ['a function imports another', 'functions/manage/a.ts', "import { b } from '../state-route/b.ts';"],
    ['shared code imports a function', 'shared/store/a.ts', "import { b } from '../../functions/manage/b.ts';"],
    ['the language is met elsewhere than at its port', 'shared/state/a.ts', "import { b } from '../python/scope.ts';"],
    ['a file imports itself', 'shared/state/a.ts', "import type { b } from './a.ts';"],
    ['the client package leaves its room', 'functions/manage/a.ts', "import { connect } from 'nats';"],
  ])('is broken where %s', (_case, file, source) => {
    expect(breachesOf(file, source)).toHaveLength(1);
  });

  it('gives no room a permission that it does not use', () => {
    expect(findUnusedPermissions(root)).toEqual([]);
  });

  it('lets a room import only rooms above it in the list', () => {
    const above = new Set<string>();
    for (const { path, mayImport } of rooms) {
      expect(mayImport.filter((target) => !above.has(target)).map((target) => `${path} -> ${target}`)).toEqual([]);
      above.add(path);
    }
  });

  it('is broken by a circle of rooms', () => {
    const arrows = new Map([
      ['a', new Map([['b', 1]])],
      ['b', new Map([['c', 1]])],
      ['c', new Map([['b', 2]])],
    ]);
    expect(findCircle(arrows)).toBe('b -> c -> b');
  });
});

describe('a folder of any name', () => {
  it('is no matter: no path is taken from a URL undecoded', () => {
    const files = globSync('{functions,shared,infra,test,.config}/**/*.ts', { cwd: root });
    const undecoded = files.filter((file) => {
      const source = readFileSync(join(root, file), 'utf8');
      return /import\.meta\.url\)\s*\.pathname/.test(source);
    });
    expect(undecoded).toEqual([]);
  });
});
