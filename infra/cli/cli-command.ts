import type { ParseArgsOptionDescriptor } from 'node:util';
import type { CliIo, ExitCode } from './cli-io.ts';
import type { Output } from './output.ts';
import type { Store } from './open-store.ts';

export interface CliOption extends ParseArgsOptionDescriptor {
  readonly help: string;
  /** Shown for the value in the help: `--state ID`. */
  readonly value?: string;
}

/** The options of one command as they were given: text, flags, or several texts. */
export type CliValues = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

export interface CliContext {
  readonly io: CliIo;
  readonly output: Output;
  readonly values: CliValues;
  readonly positionals: readonly string[];
  /** Opened at first use, closed by the caller. */
  readonly store: Store;
}

export interface CliCommand {
  /** One or two words: `dead list`. */
  readonly name: string;
  readonly summary: string;
  /** What follows the name: `<file> --state ID`. */
  readonly usage: string;
  readonly options: Readonly<Record<string, CliOption>>;
  readonly examples: readonly string[];
  /** How many words may follow the name. */
  readonly positionals: { readonly min: number; readonly max: number };
  /** Whether these options make it change or remove something: then servers that nobody named are asked about. */
  readonly changes?: (values: CliValues) => boolean;
  /** Whether it needs no server at all. */
  readonly isLocal?: boolean;
  run(context: CliContext): Promise<ExitCode>;
}
