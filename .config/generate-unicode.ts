import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';

/** A class of code points by name: what it holds, and its members. */
interface ClassSource {
  readonly name: string;
  readonly holds: string;
  readonly points: () => Promise<Iterable<number>>;
}

const package14 = '@unicode/unicode-14.0.0';

/** Code points of properties or general categories, each by its folder in the package. */
const ofPackage =
  (...folders: readonly string[]) =>
  async (): Promise<ReadonlySet<number>> => {
    const points = new Set<number>();
    for (const folder of folders) {
      const module = (await import(`${package14}/${folder}/code-points.mjs`)) as { default: readonly number[] };
      for (const point of module.default) points.add(point);
    }
    return points;
  };

const categories = (...names: readonly string[]): (() => Promise<ReadonlySet<number>>) =>
  ofPackage(...names.map((name) => `General_Category/${name}`));

/** The package has no Numeric_Type: the two classes that need it are as CPython 3.11 answered for every code point. */
const recorded = (member: 'digit_ranges' | 'numeric_ranges') => async (): Promise<ReadonlySet<number>> => {
  const file = new URL('../test/contract/vectors/unicode-classes.json', import.meta.url);
  const recording = JSON.parse(readFileSync(file, 'utf8')) as Record<typeof member, [first: number, last: number][]>;
  const points = new Set<number>();
  for (const [first, last] of recording[member]) for (let point = first; point <= last; point += 1) points.add(point);
  return points;
};

/** CPython's own rule: bidirectional type WS, B or S, or category Zs. */
const spaces = ofPackage(
  'Bidi_Class/White_Space',
  'Bidi_Class/Paragraph_Separator',
  'Bidi_Class/Segment_Separator',
  'General_Category/Space_Separator',
);

const unprintable = async (): Promise<ReadonlySet<number>> => {
  const points = new Set(await categories('Other', 'Separator')());
  points.delete(0x20);
  return points;
};

const classes: readonly ClassSource[] = [
  { name: 'alphabetic', holds: 'categories L*', points: categories('Letter') },
  { name: 'alphanumeric', holds: 'categories L* and N*', points: categories('Letter', 'Number') },
  { name: 'decimal', holds: 'category Nd', points: categories('Decimal_Number') },
  { name: 'digit', holds: 'Numeric_Type Decimal or Digit', points: recorded('digit_ranges') },
  { name: 'numeric', holds: 'any Numeric_Type', points: recorded('numeric_ranges') },
  { name: 'whitespace', holds: 'what `str.isspace` and `str.split` take for white space', points: spaces },
  { name: 'unprintable', holds: 'categories C* and Z* but for the ASCII space', points: unprintable },
  { name: 'lowercase', holds: 'property Lowercase', points: ofPackage('Binary_Property/Lowercase') },
  { name: 'uppercase', holds: 'property Uppercase', points: ofPackage('Binary_Property/Uppercase') },
  { name: 'titlecase', holds: 'category Lt', points: categories('Titlecase_Letter') },
  { name: 'caseIgnorable', holds: 'property Case_Ignorable', points: ofPackage('Binary_Property/Case_Ignorable') },
  {
    name: 'changesToLower',
    holds: 'what has another lower case',
    points: ofPackage('Binary_Property/Changes_When_Lowercased'),
  },
  {
    name: 'changesToUpper',
    holds: 'what has another upper case',
    points: ofPackage('Binary_Property/Changes_When_Uppercased'),
  },
];

/** Each range is the distance from the end of the one before and, after a plus sign, its length less one, in base 36. */
const encode = (points: Iterable<number>): string => {
  const ranges: { first: number; last: number }[] = [];
  for (const point of [...new Set(points)].sort((left, right) => left - right)) {
    const range = ranges.at(-1);
    if (range?.last === point - 1) range.last = point;
    else ranges.push({ first: point, last: point });
  }
  return ranges
    .map(({ first, last }, index) => {
      const distance = (first - (ranges[index - 1]?.last ?? 0)).toString(36);
      return last === first ? distance : `${distance}+${(last - first).toString(36)}`;
    })
    .join(' ');
};

const header = `/*
 * Written by .config/generate-unicode.ts (npm run unicode) from ${package14}: do not edit. Unicode 14.0 is that of
 * CPython 3.11, which the reference runs on. See character-class.ts for the notation.
 */
`;

/** The text of \`shared/unicode/unicode-tables.ts\`: the same for the same package and recording. */
export const unicodeTables = async (): Promise<string> => {
  const parts = await Promise.all(
    classes.map(
      async ({ name, holds, points }) =>
        `/** ${holds} */\nexport const ${name}Ranges =\n'${encode(await points())}';\n`,
    ),
  );
  return prettier.format(`${header}\n${parts.join('\n')}`, {
    parser: 'typescript',
    printWidth: 120,
    singleQuote: true,
  });
};

/** Where the tables are kept. */
export const unicodeTablesFile = fileURLToPath(new URL('../shared/unicode/unicode-tables.ts', import.meta.url));

if (import.meta.main) writeFileSync(unicodeTablesFile, await unicodeTables());
