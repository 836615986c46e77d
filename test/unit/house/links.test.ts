import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { commands } from '../../../infra/cli/commands.ts';
import { anchorsOf, codeSpans, linkTargets } from '../../support/markdown.ts';
import { projectFiles, projectRoot, readProjectFile } from '../../support/project-files.ts';

const files = projectFiles();
const pages = files.filter((file) => file.endsWith('.md'));
const scripts = Object.keys((JSON.parse(readProjectFile('package.json')) as { scripts: object }).scripts);

const exists = (path: string): boolean => existsSync(join(projectRoot, path));

/** Why a link of a page leads nowhere, or undefined. */
const faultOf = (page: string, target: string): string | undefined => {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!exists(file)) return `${page}: ${target} does not exist`;
  if (anchor === undefined) return undefined;
  return anchorsOf(readProjectFile(file)).has(anchor) ? undefined : `${page}: ${target} has no such heading`;
};

/** A file in a code span, by its path from the root or from the page, or by its mere name if one file has it. */
const isFileName = (code: string): boolean => /^\w[\w.-]*(\/[\w.-]+)*\.(ts|mts|sql|sh|md)$/.test(code);
const isFound = (page: string, code: string): boolean =>
  [code, join(dirname(page), code)].some(exists) || files.some((file) => file.endsWith(`/${code}`));

describe('every page', () => {
  it('links to what exists', () => {
    expect(
      pages.flatMap((page) => linkTargets(readProjectFile(page)).flatMap((target) => faultOf(page, target) ?? [])),
    ).toEqual([]);
  });

  it('names files that exist', () => {
    const missing = pages.flatMap((page) =>
      codeSpans(readProjectFile(page))
        .filter((code) => isFileName(code) && !isFound(page, code))
        .map((code) => `${page}: ${code}`),
    );
    expect(missing).toEqual([]);
  });

  it('names scripts that exist', () => {
    const missing = pages.flatMap((page) =>
      [...readProjectFile(page).matchAll(/\bnpm run (?:--?\w+ )*([\w:-]+)/g)]
        .map(([, script = '']) => script)
        .filter((script) => !scripts.includes(script))
        .map((script) => `${page}: npm run ${script}`),
    );
    expect(missing).toEqual([]);
  });

  it('names commands of the command line that exist', () => {
    const known = new Set(commands.map(({ name }) => name));
    const missing = pages.flatMap((page) =>
      [...readProjectFile(page).matchAll(/\bnpx state-sync ([a-z]+)(?: ([a-z]+))?/g)]
        .filter(([, first = '', second = '']) => !known.has(first) && !known.has(`${first} ${second}`))
        .map(([text]) => `${page}: ${text}`),
    );
    expect(missing).toEqual([]);
  });

  it.each(['none', 'README.md#none', '#none', '../none'])('would be caught with a link to %s', (target) => {
    expect(faultOf('functions/README.md', target)).toBeDefined();
  });
});
