/** One instruction, its continuation lines joined. */
export interface Instruction {
  readonly name: string;
  readonly args: string;
}

export interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** What stands before the first stage: arguments with their defaults. */
  readonly args: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
}

/** Reads the instructions that our Dockerfile uses; no heredocs, no escape directives. */
export const parseDockerfile = (text: string): Dockerfile => {
  const lines = text.replaceAll(/\\\n/g, ' ').split('\n');
  const instructions = lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): Instruction => {
      const [name = '', ...rest] = line.split(/\s+/);
      return { name: name.toUpperCase(), args: rest.join(' ') };
    });
  const args: Record<string, string> = {};
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructions) {
    const current = stages.at(-1);
    if (instruction.name === 'FROM') {
      const [, from = '', name = ''] = /^(?:--platform=\S+ )?(\S+)(?: AS (\S+))?$/i.exec(instruction.args) ?? [];
      stages.push({ from, name, instructions: [] });
    } else if (current === undefined) {
      const [name = '', value = ''] = instruction.args.split('=');
      args[name] = value;
    } else {
      current.instructions.push(instruction);
    }
  }
  return { args, stages };
};
