import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** What is wrong with one file. */
export interface FileFault {
  readonly file: string;
  readonly fault: string;
}

/** Files by their path from the root. */
export type Sources = ReadonlyMap<string, string>;

/** Every source file below the root. */
export const readSources = (root: string): Sources =>
  new Map(
    globSync('{functions,shared,infra,test}/**/*.{ts,tsx,mts}', { cwd: root })
      .sort()
      .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  );

/**
 * Exports that no other file imports. A type may stand alone: it names what an exported function takes or gives, so only
 * one that its own file does not use either is a fault.
 */
export const findUnusedExports = (sources: Sources): readonly FileFault[] => {
  const importers = importersOf(sources);
  return [...sources].flatMap(([file, source]) =>
    statementsOf(source).flatMap(({ isExported, kind, name, text }): readonly FileFault[] => {
      if (!isExported || name === undefined) return [];
      if ((importers.get(file) ?? []).some((importer) => mentions(importer, name))) return [];
      if (kind === 'type' && mentions(source.replace(text, ''), name)) return [];
      return [{ file, fault: `no other file imports ${name}: export it no longer, or remove it` }];
    }),
  );
};

/**
 * Helper functions above an export, in the product's files. Exports come first and helpers below; a helper that runs while
 * its module is loaded has to stand above, and so does what it calls.
 */
export const findHelpersAbove = (sources: Sources): readonly FileFault[] =>
  [...sources].flatMap(([file, source]) => {
    if (file.startsWith('test/')) return [];
    const statements = statementsOf(source);
    const last = statements.findLastIndex(({ isExported, kind }) => isExported && kind !== 'type');
    const needed = neededAtLoad(statements);
    return statements
      .slice(0, Math.max(0, last))
      .filter(({ isExported, kind, name }) => !isExported && kind === 'function' && !needed.has(name ?? ''))
      .map(({ name }) => ({ file, fault: `the helper ${name} stands above an export: exports first, helpers below` }));
  });

interface Statement {
  readonly isExported: boolean;
  readonly kind: 'function' | 'type' | 'value';
  readonly name: string | undefined;
  readonly text: string;
}

const statementStart =
  /^(?:(export )?(?:declare |abstract |async )*(const|let|function\*?|class|interface|type) ([\w$]+)|export \{|export \*|import\b|void |await |if |for |process\.|try )/;

/** The top-level statements. Prettier starts each at the beginning of a line, and nothing else there looks like one. */
const statementsOf = (source: string): readonly Statement[] => {
  const statements: Statement[] = [];
  let lines: string[] = [];
  const end = (): void => {
    const text = lines.join('\n');
    const match = statementStart.exec(text);
    lines = [];
    if (match === null || text.startsWith('import')) return;
    const [, exported, word, name] = match;
    statements.push({ isExported: exported !== undefined, kind: kindOf(word, text), name, text });
  };
  for (const line of withoutComments(source).split('\n')) {
    if (statementStart.test(line)) end();
    lines.push(line);
  }
  end();
  return statements;
};

const withoutComments = (source: string): string =>
  source.replaceAll(/^\s*\/\*[\s\S]*?\*\/\n/gm, '').replaceAll(/^\s*\/\/.*\n/gm, '');

const kindOf = (word: string | undefined, text: string): Statement['kind'] => {
  if (word === 'interface' || word === 'type') return 'type';
  if (word?.startsWith('function') === true) return 'function';
  const assigned = text.slice(text.search(/\s=\s/) + 2).trimStart();
  return word === 'const' && /^(?:async )?[(<]/.test(assigned) && assigned.includes('=>') ? 'function' : 'value';
};

/** Names that run when the module is loaded: those that its values mention, and all that they mention in turn. */
const neededAtLoad = (statements: readonly Statement[]): ReadonlySet<string> => {
  const needed = new Set<string>();
  const visit = (text: string): void => {
    for (const { name, kind, text: own } of statements) {
      if (name === undefined || kind === 'type' || needed.has(name) || !mentions(text, name) || text === own) continue;
      needed.add(name);
      visit(own);
    }
  };
  for (const { kind, text } of statements) if (kind === 'value') visit(text);
  return needed;
};

const mentions = (text: string, name: string): boolean =>
  new RegExp(`(?<![\\w$])${name.replaceAll('$', String.raw`\$`)}(?![\\w$])`).test(text);

const importedName = /\bfrom\s+'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'\s*\)/g;

/** Per file the sources of the files that import it. */
const importersOf = (sources: Sources): ReadonlyMap<string, readonly string[]> => {
  const importers = new Map<string, string[]>();
  for (const [file, source] of sources) {
    for (const match of source.matchAll(importedName)) {
      const imported = normalize(join(dirname(file), match[1] ?? match[2] ?? ''));
      const known = importers.get(imported);
      if (known) known.push(source);
      else importers.set(imported, [source]);
    }
  }
  return importers;
};
