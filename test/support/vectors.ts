import { readFileSync } from 'node:fs';

/** A recorded case; see the type of each file's input at its test. */
export interface Vector<Input, Expected> {
  readonly name: string;
  readonly input: Input;
  readonly expected?: Expected;
  readonly error?: { readonly type: string; readonly message: string; readonly entry?: number };
}

/** The recorded cases of one file of `test/contract/vectors`. */
export const readVectors = <Input, Expected>(file: string): readonly Vector<Input, Expected>[] =>
  JSON.parse(readFileSync(new URL(`../contract/vectors/${file}.json`, import.meta.url), 'utf8')) as Vector<
    Input,
    Expected
  >[];
