import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { ConfigError } from '../../shared/config/settings.ts';
import { RetryableError, TerminalError } from '../../shared/errors/sync-error.ts';
import { reasonOf } from '../../shared/message/to-outcome.ts';
import type { CliCommand, CliValues } from './cli-command.ts';
import { closest } from './closest.ts';
import { CliError, exitCodes, usageError, type CliIo, type ExitCode } from './cli-io.ts';
import { commands } from './commands.ts';
import { commandHelp, commonOptions, generalHelp } from './help.ts';
import { openStore } from './open-store.ts';
import { createOutput, printable } from './output.ts';
import { confirmDefaults, describeServers, findServers } from './servers.ts';

/** Runs one command line and returns its exit code; nothing is thrown and no process is ended. */
export const runCli = async (args: readonly string[], io: CliIo): Promise<ExitCode> => {
  const wantsJson = args.includes('--json');
  const found = findCommand(args);
  if (found === undefined) {
    if (args[0] === '--version' || args[0] === '-V') {
      await io.write(`${await version()}\n`);
      return exitCodes.ok;
    }
    if (args.length === 0 || args[0] === '--help' || args[0] === '-h' || args[0] === 'help') {
      await io.write(generalHelp(commands));
      return args.length === 0 ? exitCodes.usage : exitCodes.ok;
    }
    const group = commands.filter(({ name }) => name.startsWith(`${args[0]} `));
    if (group.length > 0 && (args.length === 1 || args.includes('--help') || args.includes('-h'))) {
      await io.write(generalHelp(group));
      return args.length === 1 ? exitCodes.usage : exitCodes.ok;
    }
    return failure(io, wantsJson, usageError(noCommand(args)));
  }
  const { command, rest } = found;
  const store = openStore(io);
  try {
    const { values, positionals } = parse(command, rest);
    if (values['help'] === true) {
      await io.write(commandHelp(command));
      return exitCodes.ok;
    }
    if (positionals.length < command.positionals.min || positionals.length > command.positionals.max) {
      throw usageError(`usage: state-sync ${command.name} ${command.usage}`);
    }
    if (command.isLocal !== true) {
      const servers = await findServers(store);
      if (servers.length > 0) {
        io.writeError(`${values['json'] === true ? JSON.stringify({ servers }) : describeServers(servers)}\n`);
      }
      if (command.changes?.(values) === true) await confirmDefaults(io, servers);
    }
    const output = createOutput(io, values['json'] === true);
    const exitCode = await command.run({ io, output, values, positionals, store });
    return io.signal.aborted && exitCode !== exitCodes.ok ? exitCodes.interrupted : exitCode;
  } catch (error) {
    if (io.signal.aborted) return exitCodes.interrupted;
    return failure(io, wantsJson, error);
  } finally {
    await store.close();
  }
};

/** The command that the first one or two words name, and what is left of the words. */
const findCommand = (
  args: readonly string[],
): { readonly command: CliCommand; readonly rest: readonly string[] } | undefined => {
  for (const words of [2, 1]) {
    const name = args.slice(0, words).join(' ');
    const command = args.length >= words ? commands.find((candidate) => candidate.name === name) : undefined;
    if (command !== undefined) return { command, rest: args.slice(words) };
  }
  return undefined;
};

const failure = (io: CliIo, isJson: boolean, error: unknown): ExitCode => {
  const { exitCode, code, reason } = describe(error);
  if (isJson) io.writeError(`${JSON.stringify({ error: { code, reason } })}\n`);
  else io.writeError(`${printable(reason)}\n`);
  if (exitCode === exitCodes.usage && code === 'usage' && !isJson) io.writeError('see state-sync --help\n');
  return exitCode;
};

const unreachableCodes = /_unavailable$|_timeout$|^database_misconfigured$/;

/** What a failure means for the exit code. */
const describe = (error: unknown): { readonly exitCode: ExitCode; readonly code: string; readonly reason: string } => {
  if (error instanceof CliError) return { exitCode: error.exitCode, code: error.code, reason: error.message };
  if (error instanceof ConfigError) {
    return { exitCode: exitCodes.usage, code: 'configuration', reason: error.faults.join('\n') };
  }
  const faults = (error as { readonly faults?: unknown } | null)?.faults;
  if (Array.isArray(faults)) {
    return {
      exitCode: exitCodes.usage,
      code: 'routing',
      reason: `the routing file ${faults.join('\nthe routing file ')}`,
    };
  }
  if (error instanceof RetryableError || error instanceof TerminalError) {
    const exitCode = unreachableCodes.test(error.code) ? exitCodes.unreachable : exitCodes.failed;
    return { exitCode, code: error.code, reason: reasonOf(error) };
  }
  return { exitCode: exitCodes.failed, code: 'internal_error', reason: reasonOf(error) };
};

const parse = (command: CliCommand, args: readonly string[]): { values: CliValues; positionals: readonly string[] } => {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...command.options, ...commonOptions },
      allowPositionals: true,
      strict: true,
    });
    return { values, positionals };
  } catch (error) {
    throw usageError(`${reasonOf(error)}${meantOption(command, error)}`);
  }
};

/** What the command line does not know, and what may have been meant. */
const noCommand = (args: readonly string[]): string => {
  const words = args.slice(0, 2).filter((word) => !word.startsWith('-'));
  const names = commands.map(({ name }) => name);
  const meant = closest(words.join(' '), names) ?? closest(words[0] ?? '', names);
  return `there is no command ${words.join(' ')}${meant === undefined ? '' : `. Did you mean ${meant}?`}`;
};

const meantOption = (command: CliCommand, error: unknown): string => {
  const [, name] = /^Unknown option '--([^']+)'/.exec(reasonOf(error)) ?? [];
  const meant = name === undefined ? undefined : closest(name, Object.keys({ ...command.options, ...commonOptions }));
  return meant === undefined ? '' : `. Did you mean --${meant}?`;
};

const version = async (): Promise<string> => {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { readonly version?: unknown }).version);
};
