import type { CliIo } from '../../infra/cli/cli-io.ts';
import { runCli } from '../../infra/cli/run-cli.ts';

export interface CliRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The first line of stdout as JSON. */
  json(): unknown;
}

/** Runs `state-sync` in this process; only what is given is its environment. @param more.onStdout hears what is written, while it runs */
export const runStateSync = async (
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  {
    onStdout,
    ...more
  }: Partial<Pick<CliIo, 'stdin' | 'signal' | 'nowMs' | 'isTerminal' | 'columns' | 'ask'>> & {
    readonly onStdout?: (text: string) => void;
  } = {},
): Promise<CliRun> => {
  let stdout = '';
  let stderr = '';
  const exitCode = await runCli(args, {
    write: async (text) => {
      stdout += text;
      onStdout?.(text);
    },
    writeError: (text) => {
      stderr += text;
    },
    isTerminal: false,
    env: { CACHE_DIR: '/nonexistent', ...env },
    cwd: '/nonexistent',
    stdin: (async function* () {})(),
    nowMs: Date.now,
    signal: new AbortController().signal,
    ...more,
  });
  return {
    exitCode,
    stdout,
    stderr,
    json: () => JSON.parse(stdout.split('\n', 1)[0] ?? '') as unknown,
  };
};
