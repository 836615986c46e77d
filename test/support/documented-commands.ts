/** A page's commands: the lines after `$ ` in its console blocks, those that go on after a `\` joined, comments gone. */
export const documentedCommands = (markdown: string, section?: string): readonly string[] => {
  const start = section === undefined ? 0 : markdown.indexOf(section);
  if (start < 0) throw new Error(`there is no ${section}`);
  const rest = markdown.slice(start);
  const end = section === undefined ? rest.length : rest.slice(section.length).search(/^## /m);
  const text = end < 0 ? rest : rest.slice(0, end + (section?.length ?? 0));
  return [...text.matchAll(/^ *```console\n([\s\S]*?)^ *```$/gm)].flatMap(([, block = '']) =>
    [...block.replaceAll(/\\\n\s*/g, '').matchAll(/^ *\$ (.+)$/gm)].map(([, command = '']) =>
      command.replace(/\s{2,}# .*$/, '').trim(),
    ),
  );
};
