import type { CliCommand, CliOption } from './cli-command.ts';

/** Options that every command takes. */
export const commonOptions: Readonly<Record<string, CliOption>> = {
  json: { type: 'boolean', help: 'Print JSON (one value, or one line for each item)' },
  help: { type: 'boolean', short: 'h', help: 'Show this help' },
};

export const commandHelp = (command: CliCommand): string =>
  [
    command.summary,
    '',
    `Usage: state-sync ${command.name} ${command.usage}`.trimEnd(),
    '',
    'Options:',
    ...optionLines({ ...command.options, ...commonOptions }),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');

export const generalHelp = (commands: readonly CliCommand[]): string => {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'The State Sync Store from the command line.',
    '',
    'Usage: state-sync <command> [options]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Options:',
    ...optionLines({ ...commonOptions, version: { type: 'boolean', short: 'V', help: 'Show the version' } }),
    '',
    'Where the servers are is read from DATABASE_URL, MSG_URL, ROUTING_FILE, GATEWAY_URL and FUNCTION_TOKEN, from secret',
    'files of the same names, or from a running `npm start` of this folder.',
    '',
    'Exit codes: 0 right, 1 something is wrong, 2 wrong usage, 3 a server cannot be reached, 130 interrupted.',
    '',
    'Examples:',
    '  state-sync doctor',
    '  state-sync publish orders.csv --state 6f1c --wait',
    '  state-sync dead list --code unknown_state',
    '  state-sync state export 6f1c --format csv > orders.csv',
    '',
  ].join('\n');
};

const optionLines = (options: Readonly<Record<string, CliOption>>): string[] => {
  const names = Object.entries(options).map(optionName);
  const width = Math.max(...names.map((name) => name.length));
  return Object.values(options).map((option, index) => `  ${names[index]!.padEnd(width)}  ${option.help}`);
};

const optionName = ([name, option]: readonly [string, CliOption]): string =>
  `${option.short === undefined ? '    ' : `-${option.short}, `}--${name}${option.type === 'string' ? ` ${option.value ?? 'TEXT'}` : ''}`;
