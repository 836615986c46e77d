import { retryableCodes, terminalCodes } from '../../../shared/errors/error-code.ts';
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
_state_sync_states() { \${_state_sync_command:-state-sync} state list --limit 500 --names 2>/dev/null; }
# Read line by line: compgen -W would run what a name may hold.
_state_sync_offer_states() {
  local name
  COMPREPLY=()
  while IFS= read -r name; do
    [[ $name == "$1"* ]] && COMPREPLY+=("$(printf '%q' "$name")")
  done < <(_state_sync_states)
}
_state_sync_npx() {
  [[ \${COMP_WORDS[1]} == state-sync ]] || return 0
  local _state_sync_command='npx --no-install state-sync'
  COMP_WORDS=("\${COMP_WORDS[@]:1}")
  COMP_CWORD=$((COMP_CWORD - 1))
  [[ $COMP_CWORD -gt 0 ]] && _state_sync
}
_state_sync() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words=''
  case "$COMP_CWORD \${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
    "1 "*) words='${first.join(' ')} --help' ;;
${groups.map(([word, words]) => `    "2 ${word} "*) words='${words.join(' ')}' ;;`).join('\n')}
${commands.map((command) => `    *" ${command.name}${command.name.includes(' ') ? '' : ' '}"*) words='${optionsOf(command).join(' ')}' ;;`).join('\n')}
  esac
  case "$before" in
    --code) words='${codes.join(' ')}' ;;
    --state|-s) _state_sync_offer_states "$current"; return 0 ;;
  esac
  case "\${COMP_WORDS[1]} \${COMP_WORDS[2]} $COMP_CWORD" in
    ${stateCommands(commands)
      .map((name) => `"${name} 3"`)
      .join('|')}) [[ $current != -* ]] && { _state_sync_offer_states "$current"; return 0; } ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 && $current != -* ]] && COMPREPLY=($(compgen -f -- "$current"))
  return 0
}
complete -F _state_sync state-sync
complete -o default -F _state_sync_npx npx
`;
};

const codes: readonly string[] = [...terminalCodes, ...retryableCodes];

/** Commands whose first word behind the name is a state. */
const stateCommands = (commands: readonly CliCommand[]): readonly string[] =>
  commands.filter(({ usage }) => usage.startsWith('<state>') || usage.startsWith('[<state>]')).map(({ name }) => name);

const zsh = (commands: readonly CliCommand[]): string => `#compdef state-sync
# state-sync completion zsh > "\${fpath[1]}/_state-sync"
autoload -U +X bashcompinit && bashcompinit
${bash(commands)}`;

const fishQuote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const fish = (commands: readonly CliCommand[]): string => {
  const { first, second } = wordsOf(commands);
  const states = `-a '(__state_sync_states)'`;
  /** What is offered where: a condition, and what `complete` is told. */
  const offers: (readonly [condition: string, offer: string])[] = [
    ['__state_sync_is', `-f -a ${fishQuote(first.join(' '))}`],
    ...[...second].filter(([, words]) => words.length > 0).map(([word]) => [`__state_sync_is ${word}`, '-f'] as const),
    ...stateCommands(commands).map((name) => [`__state_sync_is ${name}`, `-f ${states}`] as const),
  ];
  for (const { name: command, summary, options } of commands) {
    const [word = '', next] = command.split(' ');
    if (next !== undefined) offers.push([`__state_sync_is ${word}`, `-a ${next} -d ${fishQuote(summary)}`]);
    for (const [name, option] of Object.entries({ ...options, ...commonOptions })) {
      const values = name === 'code' ? `-a ${fishQuote(codes.join(' '))}` : name === 'state' ? states : undefined;
      const needs = option.type !== 'string' ? '' : values === undefined ? ' -r' : ` -x ${values}`;
      offers.push([`__state_sync_in ${command}`, `-l ${name}${needs} -d ${fishQuote(option.help)}`]);
    }
  }
  const lines = ['state-sync', 'npx'].flatMap((program) =>
    offers.map(([condition, offer]) => `complete -c ${program} -n '${condition}' ${offer}`),
  );
  return `${fishHead}${lines.join('\n')}\n`;
};

/** Whether the words so far begin with those, or are those, behind npx too. */
const fishHead = `# state-sync completion fish > ~/.config/fish/completions/state-sync.fish
function __state_sync_in
    set -l words (commandline -opc)
    test "$words[1]" = npx; and set -e words[1]
    string match -q -- '*state-sync' "$words[1]"; or return 1
    set -e words[1]
    for expected in $argv
        test "$words[1]" = "$expected"; or return 1
        set -e words[1]
    end
    set -g __state_sync_rest (count $words)
    return 0
end
function __state_sync_is
    __state_sync_in $argv; and test $__state_sync_rest -eq 0
end
function __state_sync_states
    set -l program state-sync
    set -l words (commandline -opc)
    test "$words[1]" = npx; and set program npx --no-install state-sync
    $program state list --limit 500 --names 2>/dev/null
end
`;

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
