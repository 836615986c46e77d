import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { findHelpersAbove, findUnusedExports, readSources } from '../../../.config/check-files.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const sources = readSources(root);
const faultsOf = (find: typeof findHelpersAbove, ...files: readonly (readonly [string, string])[]): readonly string[] =>
  find(new Map(files)).map(({ file, fault }) => `${file}: ${fault.split(':')[0]}`);

describe('a file shows its exports first', () => {
  it('holds in every file of the product', () => {
    expect(findHelpersAbove(sources)).toEqual([]);
  });

  it('is broken by a helper above an export', () => {
    const source = 'const helper = (): number => 1;\n\nexport const value = (): number => helper();\n';
    expect(faultsOf(findHelpersAbove, ['shared/a.ts', source])).toEqual([
      'shared/a.ts: the helper helper stands above an export',
    ]);
  });

  it.each([
    ['a helper below', 'export const value = (): number => helper();\n\nconst helper = (): number => 1;\n'],
    ['a helper that runs at load', 'const helper = (): number => 1;\n\nexport const value = helper();\n'],
    [
      'what such a helper calls',
      'const inner = (): number => 1;\n\nconst helper = (): number => inner();\n\nexport const value = helper();\n',
    ],
    ['a constant above', 'const limit = 5;\n\nexport const value = (): number => limit;\n'],
    ['a type below a helper', 'const helper = (): A => 1;\n\nexport type A = number;\n'],
  ])('allows %s', (_case, source) => {
    expect(faultsOf(findHelpersAbove, ['shared/a.ts', source])).toEqual([]);
  });
});

describe('an export is there for another file', () => {
  it('holds in every file of the project', () => {
    expect(findUnusedExports(sources)).toEqual([]);
  });

  it('is broken by one that nobody imports', () => {
    expect(faultsOf(findUnusedExports, ['shared/a.ts', 'export const one = 1;\n'])).toHaveLength(1);
    expect(faultsOf(findUnusedExports, ['shared/a.ts', 'export type One = 1;\n'])).toHaveLength(1);
  });

  it.each([
    ['import', "import { one } from './a.ts';\n"],
    ['import at run time', "const load = async () => (await import('./a.ts')).one;\n"],
    ['re-export', "export { one } from './a.ts';\n"],
  ])('allows what others %s', (_case, other) => {
    expect(faultsOf(findUnusedExports, ['shared/a.ts', 'export const one = 1;\n'], ['shared/b.ts', other])).toEqual([]);
  });

  it('allows a type that an exported function names', () => {
    const own = 'export interface Options {\n  readonly one: 1;\n}\n\nexport const run = (_: Options): void => {};\n';
    expect(
      faultsOf(
        findUnusedExports,
        ['shared/a.ts', own],
        ['shared/b.ts', "import { run } from './a.ts';\nrun({ one: 1 });\n"],
      ),
    ).toEqual([]);
  });
});
