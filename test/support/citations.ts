/** A citation of a document: the file as it is written, and the section or anchor in it, if one is named. */
export interface Citation {
  readonly file: string;
  readonly section?: string;
}

const section = String.raw`(?:G-\d+|[A-Z](?:\.\d+)?|0)(?![\w.]\w)`;
const separator = String.raw`(?:,? | and |, and |\/|\()`;
const sections = new RegExp(String.raw`reference\.md\`?((?:${separator}(?:section )?${section})*)`, 'g');
const defect = /(?<![\w-])G-\d+/g;
const document = /(?:[\w.-]+\/|\.\.\/)*[\w-]+\.md\b/g;
const bareReadme = /\bREADME\b(?!\.md)(?:, ([a-z ]+?)(?=[.,;:)]|$))?/gm;

/** One line out of a comment that is broken over several. */
const unwrap = (text: string): string => text.replace(/\n[ \t]*(?:\*|\/\/|#|--)?[ \t]+/g, ' ');

/**
 * Every citation of a text: documents by their names, sections of `reference.md` (`reference.md B.4, H`), defects by their numbers
 * (`G-25/G-34`), and the main README by a heading (`README, security`). In code a README is named by its path.
 */
export const findCitations = (text: string): readonly Citation[] => {
  const line = unwrap(text);
  const ofReference = [...line.matchAll(sections)].flatMap(([, list = '']) =>
    [...list.matchAll(new RegExp(section, 'g'))].map(([name]) => ({ file: 'reference.md', section: name })),
  );
  return [
    ...[...line.matchAll(document)].map(([file]) => ({ file })),
    ...ofReference,
    ...[...line.matchAll(defect)].map(([name]) => ({ file: 'reference.md', section: name })),
    ...[...text.matchAll(bareReadme)].map(([, heading = '(no heading)']) => ({ file: 'README.md', section: heading })),
  ];
};

/** What a citation may name in a document: its headings (`A.4` of `### A.4 JetStream`, and whole titles) and its anchors. */
export const findTargets = (markdown: string): ReadonlySet<string> => {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title);
  const anchors = [...markdown.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id.toUpperCase());
  const numbers = headings.flatMap((title) => /^([A-L0](?:\.\d+)?)\.? /.exec(title)?.[1] ?? []);
  return new Set([...headings.map((title) => title.toLowerCase()), ...numbers, ...anchors]);
};
