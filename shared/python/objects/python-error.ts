/** Stands in a message for a value of the data. */
export const withheld = '<value>';

/**
 * An exception of the interpreted language. Its message is what Python's `str(exception)` gives, but for the values of the
 * data: it goes into logs, headers and statuses, so it names types, positions and the words of the source, never a value.
 */
export class PythonError extends Error {
  override readonly name = 'PythonError';
  /** Python's name of the exception: `KeyError`. */
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

const thrower =
  (type: string) =>
  (message: string): PythonError =>
    new PythonError(type, message);

export const typeError = thrower('TypeError');
export const valueError = thrower('ValueError');
export const indexError = thrower('IndexError');
/** Python's message is the repr of the key: it is given if the source itself has it. */
export const keyError = (key = '<key>'): PythonError => new PythonError('KeyError', key);
export const nameError = thrower('NameError');
export const overflowError = thrower('OverflowError');
export const zeroDivisionError = thrower('ZeroDivisionError');
export const attributeError = thrower('AttributeError');
export const notImplementedError = thrower('NotImplementedError');
