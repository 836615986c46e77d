import { describe, expect, it } from 'vitest';

import { tableRows } from '../../support/markdown.ts';
import { projectFiles, readProjectFile } from '../../support/project-files.ts';

/** A page that numbers promises in the first column of a table, and the files that cite them. */
interface Specification {
  readonly page: string;
  readonly letter: string;
  readonly citing: RegExp;
}

const specifications: readonly Specification[] = [
  {
    page: 'infra/connector/README.md',
    letter: 'C',
    citing: /^(infra\/connector|test\/(unit|integration)\/connector)\//,
  },
  { page: 'test/chaos/README.md', letter: 'I', citing: /^test\/(chaos|unit\/chaos)\// },
  { page: 'test/chaos/README.md', letter: 'F', citing: /^test\/chaos\// },
];

const sorted = (names: Iterable<string>): readonly string[] =>
  [...new Set(names)].toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)));

const numbered = ({ page, letter }: Specification): readonly string[] => {
  const name = new RegExp(String.raw`\b${letter}\d+\b`, 'g');
  return sorted(tableRows(readProjectFile(page), '').flatMap(([first = '']) => first.match(name) ?? []));
};

const cited = ({ letter, citing }: Specification, ending: RegExp): readonly string[] => {
  const name = new RegExp(String.raw`\b${letter}\d{1,2}\b`, 'g');
  const files = projectFiles().filter((file) => citing.test(file) && ending.test(file));
  return sorted(files.flatMap((file) => readProjectFile(file).match(name) ?? []));
};

describe.each(specifications)('the numbered promises of $page, letter $letter', (specification) => {
  it('are those that the code cites', () => {
    const known = new Set(numbered(specification));
    // F24, the soak, stands below the table: it is run by hand.
    const unknown = cited(specification, /\.ts$/).filter((name) => !known.has(name) && name !== 'F24');
    expect(known.size).toBeGreaterThan(6);
    expect(unknown).toEqual([]);
  });
});

describe('every promise of the connector', () => {
  it('is named by a test', () => {
    const [connector] = specifications;
    expect(cited(connector!, /\.test\.ts$/)).toEqual(numbered(connector!));
  });
});
