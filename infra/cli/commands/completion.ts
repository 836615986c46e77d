import type { CliCommand } from '../cli-command.ts';
import { exitCodes, usageError } from '../cli-io.ts';
import { commonOptions } from '../help.ts';

const optionsOf = (command: CliCommand): readonly string[] =>
  Object.keys({ ...command.options, ...commonOptions }).map((name) => `--${name}`);

/** First words, and by first word the second ones. */
const wordsOf = (commands: readonly CliCommand[]): { first: string[]; second: Map<string, string[]> } => {
  const second = new Map<string, string[]>();
  for (const { name } of commands) {
    const [word = '', next] = name.split(' ');
    second.set(word, [...(second.get(word) ?? []), ...(next === undefined ? [] : [next])]);
  }
  return { first: [...second.keys()], second };
};

const bash = (commands: readonly CliCommand[]): string => {
  const { first, second } = wordsOf(commands);
  const groups = [...second].filter(([, words]) => words.length > 0);
  return `# state-sync completion bash > /etc/bash_completion.d/state-sync
_state_sync() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=''
  case "$COMP_CWORD \${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
    "1 "*) words='${first.join(' ')} --help' ;;
${groups.map(([word, words]) => `    "2 ${word} "*) words='${words.join(' ')}' ;;`).join('\n')}
${commands.map((command) => `    *" ${command.name}${command.name.includes(' ') ? '' : ' '}"*) words='${optionsOf(command).join(' ')}' ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 && $current != -* ]] && COMPREPLY=($(compgen -f -- "$current"))
  return 0
}
complete -F _state_sync state-sync
`;
};

const zsh = (commands: readonly CliCommand[]): string => `#compdef state-sync
# state-sync completion zsh > "\${fpath[1]}/_state-sync"
autoload -U +X bashcompinit && bashcompinit
${bash(commands)}`;

const fishQuote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const fish = (commands: readonly CliCommand[]): string => {
  const { first } = wordsOf(commands);
  const lines = ['# state-sync completion fish > ~/.config/fish/completions/state-sync.fish'];
  lines.push(`complete -c state-sync -n __fish_use_subcommand -f -a ${fishQuote(first.join(' '))}`);
  for (const command of commands) {
    const [word = '', next] = command.name.split(' ');
    if (next !== undefined) {
      lines.push(
        `complete -c state-sync -n "__fish_seen_subcommand_from ${word}" -f -a ${next} -d ${fishQuote(command.summary)}`,
      );
    }
    const seen = `__fish_seen_subcommand_from ${next ?? word}`;
    for (const [name, option] of Object.entries({ ...command.options, ...commonOptions })) {
      const needsValue = option.type === 'string' ? ' -r' : '';
      lines.push(`complete -c state-sync -n "${seen}" -l ${name}${needsValue} -d ${fishQuote(option.help)}`);
    }
  }
  return `${lines.join('\n')}\n`;
};

const shells: Readonly<Record<string, (commands: readonly CliCommand[]) => string>> = { bash, zsh, fish };

/** @param commands read late: this command is one of them */
export const completion = (commands: () => readonly CliCommand[]): CliCommand => ({
  name: 'completion',
  summary: 'Print tab completion for bash, zsh or fish',
  usage: 'bash|zsh|fish',
  options: {},
  examples: ['source <(state-sync completion bash)'],
  positionals: { min: 1, max: 1 },
  isLocal: true,
  run: async ({ output, positionals }) => {
    const make = Object.hasOwn(shells, positionals[0] ?? '') ? shells[positionals[0] ?? ''] : undefined;
    if (make === undefined) throw usageError(`completion for ${Object.keys(shells).join(', ')}`);
    await output.raw(make(commands()));
    return exitCodes.ok;
  },
});
