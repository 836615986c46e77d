import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { findCitations, findTargets, type Citation } from '../../support/citations.ts';
import { projectFiles, projectRoot, readProjectFile } from '../../support/project-files.ts';

const reference = 'test/contract/reference.md';
/** Their examples are no citations. */
const examples = new Set(['test/unit/house/citations.test.ts', 'test/support/citations.ts']);

const documentOf = (file: string, citing: string): string | undefined =>
  file === 'reference.md'
    ? reference
    : [join(dirname(citing), file), file].find((path) => existsSync(join(projectRoot, path)));

const resolves = (citation: Citation, citing: string): boolean => {
  const document = documentOf(citation.file, citing);
  if (document === undefined) return false;
  return citation.section === undefined || findTargets(readProjectFile(document)).has(citation.section);
};

/** Documents may speak of READMEs in general; code names one by its path. */
const citationsIn = (file: string): readonly Citation[] =>
  findCitations(readProjectFile(file)).filter(({ section }) => section !== '(no heading)' || !file.endsWith('.md'));

describe('what is cited exists', () => {
  const files = projectFiles().filter((file) => !examples.has(file));

  it('in every file of the project', () => {
    const broken = files.flatMap((file) =>
      citationsIn(file)
        .filter((citation) => !resolves(citation, file))
        .map(({ file: cited, section }) => `${file} cites ${cited} ${section ?? ''}`.trim()),
    );
    expect(broken).toEqual([]);
  });

  it('and every defect of the existing system has a test or a line in the table of differences', () => {
    const tests = files.filter((file) => file.endsWith('.test.ts') || file === 'test/contract/README.md');
    const named = new Set(tests.flatMap((file) => citationsIn(file).map(({ section }) => section)));
    const defects = [...findTargets(readProjectFile(reference))].filter((target) => target.startsWith('G-'));
    expect(defects).toHaveLength(47);
    expect(defects.filter((defect) => !named.has(defect))).toEqual([]);
  });

  it('and much of it is cited', () => {
    const sections = files.flatMap((file) => citationsIn(file).map(({ section }) => section));
    expect(new Set(sections).size).toBeGreaterThan(60);
  });

  it.each([
    ['(reference.md A.4)', 'A.4'],
    ['(reference.md B.4, H), byte for byte', 'B.4 H'],
    ['(reference.md D, steps 1 to 6)', 'D'],
    ['(reference.md G-9, I.2)', 'G-9 I.2 G-9'],
    ['(reference.md section 0)', '0'],
    ['(reference.md\n * G-23)', 'G-23 G-23'],
    ['G-25/G-34', 'G-25 G-34'],
    ['(README, security)', 'security'],
    ['see the README’s table', '(no heading)'],
  ])('%j names %s', (text, expected) => {
    const sections = findCitations(text).flatMap(({ section }) => section ?? []);
    expect(sections.join(' ')).toBe(expected);
  });

  it.each(['reference.md M.1', 'reference.md A.9', 'G-48', 'README, nothing of the kind', 'notes.md', 'infra/none.md'])(
    '%s is a citation that resolves nowhere',
    (text) => {
      const unresolved = findCitations(text).filter((citation) => !resolves(citation, 'shared/config/settings.ts'));
      expect(unresolved).not.toEqual([]);
    },
  );
});
