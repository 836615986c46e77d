/** The process around the command line, so that tests can be it. */
export interface CliIo {
  /** To stdout: results, for people or as JSON. Resolves when there is room for more. */
  write(text: string): Promise<void>;
  /** To stderr: what went wrong. */
  writeError(text: string): void;
  /** Whether stdout is a terminal: then progress may be drawn over. */
  readonly isTerminal: boolean;
  /** Characters of a line of that terminal, if it says. */
  readonly columns?: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Standard input, for `-` as a file. */
  readonly stdin: AsyncIterable<Buffer | string>;
  /** Asks a person at the terminal; undefined if nobody is there to answer. */
  readonly ask?: (question: string) => Promise<string>;
  readonly nowMs: () => number;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Exit codes; scripts rely on them. */
export const exitCodes = {
  ok: 0,
  /** The command ran and what it found, or did, is not right. */
  failed: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** A server that is needed cannot be reached. */
  unreachable: 3,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Why the command line ends before its work is done: one line for people, a stable code for programs. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  readonly code: string;
  constructor(exitCode: ExitCode, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.code = code;
  }
}

export const usageError = (message: string): CliError => new CliError(exitCodes.usage, 'usage', message);
