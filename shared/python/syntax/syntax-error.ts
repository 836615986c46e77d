import { pythonRepr } from '../../json/python-repr.ts';
import { PythonError } from '../objects/python-error.ts';

/** The text of a tuple of messages: how the reference's compiler reports its findings. */
export const syntaxErrors = (messages: readonly string[]): PythonError => {
  const shown = messages.map((message) => pythonRepr(message)).join(', ');
  return new PythonError('SyntaxError', messages.length === 1 ? `(${shown},)` : `(${shown})`);
};

/** Number of the line that holds a position, from 1. */
export const lineAt = (source: string, position: number): number => source.slice(0, position).split('\n').length;

/** Source that is no expression: the finding names the line and shows it. */
export const invalidSyntax = (
  source: string,
  position: number,
  type = 'SyntaxError',
  message = 'invalid syntax',
): PythonError => {
  if (source === '') return syntaxErrors(['Line 0: SyntaxError: invalid syntax at statement: None']);
  const line = lineAt(source, position);
  const statement = source.split('\n')[line - 1]?.trim() ?? '';
  return syntaxErrors([`Line ${line}: ${type}: ${message} at statement: ${pythonRepr(statement)}`]);
};
